/* corral completion: scripts for shells. They only ask `corral __complete` (completion.h). */
#include "cli/completion.h"
#include "cli/verbs.h"

#include <stdio.h>
#include <string.h>

/* Bash takes "=" and ":" as ends of words, so words are joined again, and the part before them is left out.
 */
static const char bash[] =
    "# bash completion for corral; load it with: . <(corral completion bash)\n"
    "_corral() {\n"
    "    local rest=$COMP_LINE words=() word line i prefix\n"
    "    for ((i = 0; i <= COMP_CWORD; i++)); do\n"
    "        word=${COMP_WORDS[i]}\n"
    "        if ((!i)) || [[ $rest == [[:space:]]* || -z $rest ]]; then\n"
    "            words+=(\"$word\")\n"
    "        else\n"
    "            words[-1]+=$word\n"
    "        fi\n"
    "        rest=${rest#\"${rest%%[![:space:]]*}\"}\n"
    "        rest=${rest#\"$word\"}\n"
    "    done\n"
    "    word=${words[-1]}\n"
    "    prefix=${word%\"${word##*[=:]}\"}\n"
    "    COMPREPLY=()\n"
    "    while IFS= read -r line; do\n"
    "        line=${line%%$'\\t'*}\n"
    "        [[ -n $line ]] && printf -v line '%q' \"${line#\"$prefix\"}\" && COMPREPLY+=(\"$line\")\n"
    "    done < <(\"${COMP_WORDS[0]}\" " COMPLETION_VERB " \"${words[@]:1}\" 2>/dev/null)\n"
    "}\n"
    "complete -F _corral corral\n";

static const char zsh[] =
    "#compdef corral\n"
    "# zsh completion for corral; load it with: . <(corral completion zsh), after compinit\n"
    "_corral() {\n"
    "    local line\n"
    "    local -a offered\n"
    "    for line in \"${(@f)$(\"${words[1]}\" " COMPLETION_VERB
    " \"${(@Q)words[2,CURRENT]}\" 2>/dev/null)}\"; do\n"
    "        [[ -n $line ]] && offered+=(\"${${line%%$'\\t'*}//:/\\\\:}:${line#*$'\\t'}\")\n"
    "    done\n"
    "    _describe -V corral offered\n"
    "}\n"
    "if [ \"$funcstack[1]\" = _corral ]; then\n"
    "    _corral \"$@\"\n"
    "else\n"
    "    compdef _corral corral\n"
    "fi\n";

static const char fish[] = "# fish completion for corral; load it with: corral completion fish | source\n"
                           "function __corral_complete\n"
                           "    set -l words (commandline -opc)\n"
                           "    set -l last (commandline -ct)\n"
                           "    $words[1] " COMPLETION_VERB " $words[2..-1] \"$last\" 2>/dev/null\n"
                           "end\n"
                           "complete -c corral -f -a '(__corral_complete)'\n";

static int completion(struct cli *cli, int argc, char **argv)
{
    static const struct {
        const char *shell, *script;
    } scripts[] = {{"bash", bash}, {"zsh", zsh}, {"fish", fish}};
    for (size_t i = 0; i < ARRAY_LEN(scripts); i++) {
        if (!strcmp(argv[0], scripts[i].shell)) {
            fputs(scripts[i].script, stdout);
            return CLI_DONE;
        }
    }
    return cli_usage(cli, "the shell is bash, zsh or fish");
}

const struct command cmd_completion = {
    .name = "completion",
    .args = "bash|zsh|fish",
    .help = "Prints a script that lets this shell complete verbs, options, ids, names and images.",
    .least = 1,
    .most = 1,
    .offline = true,
    .run = completion,
};
