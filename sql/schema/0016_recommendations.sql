-- What administrators are advised to change in the system (docs/recommendations.md): a row for each cause that is found now, and for
-- each that was dismissed. Of a subject of a rule there is one.

create sequence recommendation_seq;

create table recommendations (
    seq           bigint primary key default nextval('recommendation_seq'),
    rule          text not null,
    kind          text not null check (kind in ('capacity', 'balance', 'bottleneck', 'allocation', 'startup')),
    subject_kind  text not null check (subject_kind in ('system', 'region', 'node', 'tier', 'image')),
    subject       text not null,            -- '' of the system
    severity      text not null check (severity in ('info', 'warning', 'critical')),
    sentence      text not null,
    evidence      jsonb not null,
    effect        jsonb not null,
    weight        double precision not null, -- of its evidence
    state         text not null default 'open' check (state in ('open', 'applied', 'dismissed')),
    state_at      timestamptz not null,
    state_by      text,                     -- the name of the administrator; null: nobody changed it
    weight_then   double precision not null, -- as it got its state
    severity_then text not null,
    since         timestamptz not null,
    updated_at    timestamptz not null,     -- when it was last found
    hidden_at     timestamptz,              -- a dismissed one: since when its cause has not been found
    unique (rule, subject_kind, subject),
    check (hidden_at is null or state = 'dismissed')
) with (fillfactor = 50);

-- When the figures were last looked at, and why that failed, if it did.
create table recommendation_run (
    one      boolean primary key default true check (one),
    at       timestamptz,
    took_ms  integer,
    problem  text
);
insert into recommendation_run values (true);

select hold_table_to_epoch(t) from unnest('{recommendations,recommendation_run}'::regclass[]) t;
