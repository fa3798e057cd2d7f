-- Templates: names for what a create may say. A version never changes; each change makes the next one.

create table templates (
    id          text primary key check (id ~ '^tpl_[0-9A-HJKMNP-TV-Z]{26}$'),
    user_id     text references users on delete cascade,    -- null: it is shared, and all users may use it
    name        text not null,
    numbered    integer not null check (numbered >= 0),     -- the highest number that a version ever had
    warm        integer not null default 0 check (warm >= 0 and (warm = 0 or user_id is null)), -- members of the warm pool that stand ready
    created_at  timestamptz not null default now(),
    changed_at  timestamptz not null default now(),
    deleted_at  timestamptz     -- the row stays for its numbers: NAME@NUMBER never means two things
);

create index templates_of_user on templates (user_id);
create unique index templates_of_owner on templates (coalesce(user_id, ''), name);

-- body: as a create says it, less the environment, which is sealed by the controller; the subject is the owner and the name.
create table template_versions (
    template_id text not null references templates on delete cascade,
    version     integer not null check (version > 0),
    body        jsonb not null check (jsonb_typeof(body) = 'object'),
    image_ref   text not null,      -- the whole name of its image
    env         bytea,
    env_key     text,               -- the key that sealed it
    env_names   text[] not null default '{}',
    created_at  timestamptz not null default now(),
    created_by  text,
    primary key (template_id, version),
    check ((env is null) = (env_key is null))
);

create index template_versions_image on template_versions (image_ref);

-- NAME@VERSION; null: it was made without a template.
alter table sandboxes add column template text;

select hold_table_to_epoch('templates');
select hold_table_to_epoch('template_versions');
