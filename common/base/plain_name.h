/*
 * Names that people read: of sandboxes, users and keys. What is not seen, or turns what is seen, could make
 * one name look like another, and has no place in them: controls (C0, DEL, C1), what Unicode calls format
 * characters (Cf: bidirectional overrides, zero-width ones, tags), separators of lines and paragraphs, other
 * characters that are ignored when they are shown (Default_Ignorable_Code_Point, Unicode 15; but for
 * variation selectors, which emoji have, where they do not come first). No name begins or ends with a blank
 * (Zs), so none is of blanks alone. The two joiners stand where they are seen by what they do: between Arabic
 * letters that would join, as Persian has it (U+200C), between emoji that are one (U+200D), and after a
 * virama.
 */
#ifndef CORRAL_COMMON_PLAIN_NAME_H
#define CORRAL_COMMON_PLAIN_NAME_H

/* What is wrong with it, a sentence's end; NULL: nothing. name: UTF-8; an empty one is right. Static. */
const char *plain_name_wrong(const char *name);

/* The same as a regular expression (ECMA 262), of what lies in the Basic Multilingual Plane. */
#define PLAIN_NAME_UNSEEN                                                                                    \
    "\\u0000-\\u001f\\u007f-\\u009f\\u00ad\\u034f\\u0600-\\u0605\\u061c\\u06dd\\u070f\\u0890\\u0891\\u08e2"  \
    "\\u115f\\u1160\\u17b4\\u17b5\\u180b-\\u180f\\u200b-\\u200f\\u2028-\\u202e\\u2060-"                      \
    "\\u206f\\u3164\\ufeff\\uffa0"                                                                           \
    "\\ufff0-\\ufffb"
#define PLAIN_NAME_BLANK "\\u0020\\u00a0\\u1680\\u2000-\\u200a\\u202f\\u205f\\u2800\\u3000"
#define PLAIN_NAME_BOTH_SIDES                                                                                \
    "\\u0620\\u0626\\u0628\\u062a-\\u062e\\u0633-\\u063f\\u0641-\\u0647\\u0649\\u064a\\u066e\\u066f\\u0678-" \
    "\\u0687"                                                                                                \
    "\\u069a-\\u06bf\\u06c1\\u06c2\\u06cc\\u06ce\\u06d0\\u06d1\\u06fa-\\u06fc\\u06ff"
#define PLAIN_NAME_RIGHT_SIDE                                                                                \
    "\\u0622-\\u0625\\u0627\\u0629\\u062f-\\u0632\\u0648\\u0671-\\u0673\\u0675-\\u0677\\u0688-"              \
    "\\u0699\\u06c0\\u06c3-"                                                                                 \
    "\\u06cb\\u06cd\\u06cf\\u06d2\\u06d3\\u06d5\\u06ee\\u06ef"
#define PLAIN_NAME_VIRAMA                                                                                    \
    "\\u094d\\u09cd\\u0a4d\\u0acd\\u0b4d\\u0bcd\\u0c4d\\u0ccd\\u0d4d\\u0dca\\u0f84\\u1039\\u103a\\u17d2\\u1" \
    "b44\\ua9c0"
#define PLAIN_NAME_MARKS "[\\u064b-\\u065f\\u0670]*"
#define PLAIN_NAME_PICTURE                                                                                   \
    "[\\u2194\\u2195\\u2600-\\u27bf\\u2b05-\\u2b07\\u2b1b\\u2b1c\\u2b50\\u2b55]|[^\\u0000-\\uffff]"
#define PLAIN_NAME_PICTURES "(" PLAIN_NAME_PICTURE ")(\\ufe0f|[^\\u0000-\\uffff])?"
#define PLAIN_NAME_JOINED                                                                                    \
    "[" PLAIN_NAME_VIRAMA "][\\u200c\\u200d]|([" PLAIN_NAME_BOTH_SIDES "]" PLAIN_NAME_MARKS                  \
    "\\u200c)+[" PLAIN_NAME_BOTH_SIDES PLAIN_NAME_RIGHT_SIDE "]|" PLAIN_NAME_PICTURES                        \
    "(\\u200d" PLAIN_NAME_PICTURES ")+|"
#define PLAIN_NAME_PATTERN                                                                                   \
    "^((" PLAIN_NAME_JOINED "[^" PLAIN_NAME_UNSEEN PLAIN_NAME_BLANK "\\ufe00-\\ufe0f])((" PLAIN_NAME_JOINED  \
    "[^" PLAIN_NAME_UNSEEN "])*(" PLAIN_NAME_JOINED "[^" PLAIN_NAME_UNSEEN PLAIN_NAME_BLANK "]))?)?$"

#endif
