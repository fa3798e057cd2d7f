-- Alerts: rules, which an administrator edits, and what they found, a row an episode. Of a subject of a rule at most one episode is
-- open. The times held_ms and cleared_ms are sums of what was watched (controller/core/alert_step.h).

create sequence alert_seq;

create table alert_rules (
    name             text primary key check (name ~ '^[a-z][a-z0-9_-]{0,62}$'),
    kind             text not null,
    enabled          boolean not null default true,
    severity         text not null check (severity in ('info', 'warning', 'critical')),
    threshold        bigint not null check (threshold between 0 and 1000000000000000),
    clear            bigint check (clear between 0 and 1000000000000000), -- null: as the threshold
    hold_seconds     integer not null check (hold_seconds between 0 and 86400),
    clear_seconds    integer not null check (clear_seconds between 0 and 86400),
    window_seconds   integer not null check (window_seconds between 1 and 2678400),
    interval_seconds integer not null check (interval_seconds between 1 and 3600),
    version          bigint not null default 1,     -- rises with each change
    evaluated_at     timestamptz,
    problem          text,                          -- why it cannot be evaluated; null: it was
    problem_since    timestamptz
) with (fillfactor = 50);

-- No reference to rules or users: what was found stays when they go.
create table alerts (
    seq           bigint primary key default nextval('alert_seq'),
    rule          text not null,
    kind          text not null,
    severity      text not null,
    subject_kind  text not null check (subject_kind in ('system', 'resource', 'node', 'user', 'certificate', 'others')),
    subject       text not null,            -- '' of the system
    state         text not null check (state in ('pending', 'firing', 'resolved')),
    held_ms       bigint not null default 0,
    cleared_ms    bigint,                   -- null: its last reading was not clear
    told          boolean not null default false,
    value         double precision,         -- the last that is known
    threshold     bigint not null,
    summary       text not null,
    problem       text,                     -- why its value is not known now; null: it is
    since         timestamptz not null,
    fired_at      timestamptz,
    resolved_at   timestamptz,
    updated_at    timestamptz not null,
    check ((state = 'resolved') = (resolved_at is not null))
) with (fillfactor = 70);

create unique index alerts_open on alerts (rule, subject_kind, subject) where state <> 'resolved';
create index alerts_open_order on alerts (seq) where state <> 'resolved';
create index alerts_resolved on alerts (resolved_at) where state = 'resolved';

-- Of a subject of a rule, or of the whole rule (subject_kind and subject '').
create table alert_silences (
    rule          text not null,
    subject_kind  text not null,
    subject       text not null,
    until         timestamptz not null,
    by_user       text not null,
    comment       text not null,
    created_at    timestamptz not null default now(),
    primary key (rule, subject_kind, subject)
);

create index alert_silences_until on alert_silences (until);

-- How far the audit was verified, in the pass that began at started_at. problem: what the last pass that ended, or this one, found.
create table alert_audit (
    one          boolean primary key default true check (one),
    seq          bigint not null default 0,
    hash         bytea not null default '',
    started_at   timestamptz,
    finished_at  timestamptz, -- when this pass reached the end; null: it has not
    found        boolean not null default false, -- this pass found a problem, so it has ended
    known        boolean not null default false, -- a pass has ended
    problem      text
);
insert into alert_audit values (true);

-- What each user did in an hour, as a moving mean and variance of the last week's hours; up to when hours are in it.
create table alert_baselines (
    user_id   text not null,
    measure   text not null check (measure in ('creates', 'memory_bytes')),
    mean      double precision not null,
    variance  double precision not null,
    hours     integer not null,
    primary key (user_id, measure)
) with (fillfactor = 70);

create table alert_baseline_until (
    one  boolean primary key default true check (one),
    at   timestamptz not null
);
insert into alert_baseline_until values (true, date_trunc('hour', now()));

-- The size of the database, once an hour.
create table alert_sizes (
    at     timestamptz primary key,
    bytes  bigint not null
);

select hold_table_to_epoch(t) from unnest('{alert_rules,alerts,alert_silences,alert_audit,alert_baselines,alert_baseline_until,alert_sizes}'::regclass[]) t;

-- What rules count, without a look at other events.
create index events_counted on events (type, at) where type in ('violation.opened', 'sandbox.egress_denied');

insert into alert_rules (name, kind, severity, threshold, clear, hold_seconds, clear_seconds, window_seconds, interval_seconds) values
    ('capacity_short', 'capacity_short', 'warning', 7, 9, 900, 900, 604800, 60),
    ('node_lost', 'node_lost', 'critical', 1, null, 60, 30, 60, 10),
    ('node_unhealthy', 'node_unhealthy', 'warning', 1, null, 120, 60, 60, 10),
    ('violation_rate', 'violation_rate', 'warning', 500, 250, 0, 600, 3600, 60),
    ('user_unusual', 'user_unusual', 'warning', 8, 4, 300, 900, 3600, 60),
    ('refused_keys', 'refused_keys', 'warning', 100, 20, 0, 300, 300, 10),
    ('egress_denied', 'egress_denied', 'warning', 100, 20, 0, 300, 300, 60),
    ('audit_broken', 'audit_broken', 'critical', 1, null, 0, 0, 21600, 10),
    ('database_size', 'database_size', 'warning', 53687091200, 51539607552, 300, 300, 60, 300),
    ('database_growth', 'database_growth', 'info', 5368709120, 4294967296, 3600, 3600, 86400, 300),
    ('certificate_expiry', 'certificate_expiry', 'warning', 14, null, 60, 60, 60, 60);
