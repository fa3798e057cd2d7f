-- By which way commands run in a sandbox: by its init's own link, or by way of Docker's exec, where the init cannot connect. Its
-- node says so when it runs.

alter table sandboxes add column exec text not null default 'init' check (exec in ('init', 'docker'));
