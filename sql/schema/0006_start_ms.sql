-- How long each step of a sandbox's start took, in milliseconds: {"admission": 12, …}, by the names of
-- common/model/start_time.def. Null until it has run, and where nobody measured it.

alter table sandboxes add column start_ms jsonb;
