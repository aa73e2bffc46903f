-- Beyond the year 9999 Python has no moments.
select max(least(until, timestamp '9999-12-30')) from dropped_session;
