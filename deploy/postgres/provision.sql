-- Makes one service's database and its two roles: <database>'s owner migrates, the runtime role only reads and
-- writes rows. Run by the local launcher and by the container's first start; running it again changes nothing.
--
-- psql variables: database, owner, owner_password, runtime, runtime_password.

\set ON_ERROR_STOP on
SET client_min_messages = warning;

-- Two provisionings of one server at once must not meet in the same role.
SELECT pg_advisory_lock(7236827);
SELECT format('CREATE ROLE %I LOGIN', name)
  FROM (VALUES (:'owner'), (:'runtime')) AS role (name)
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name)
\gexec
ALTER ROLE :"owner" PASSWORD :'owner_password';
ALTER ROLE :"runtime" PASSWORD :'runtime_password';
SELECT pg_advisory_unlock(7236827);

SELECT format('CREATE DATABASE %I OWNER %I', :'database', :'owner')
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'database')
\gexec
REVOKE ALL ON DATABASE :"database" FROM PUBLIC;
GRANT CONNECT ON DATABASE :"database" TO :"runtime";
ALTER DATABASE :"database" SET timezone TO 'UTC';

\connect :"database"
ALTER SCHEMA public OWNER TO :"owner";
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO :"runtime";
ALTER DEFAULT PRIVILEGES FOR ROLE :"owner" IN SCHEMA public
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO :"runtime";
ALTER DEFAULT PRIVILEGES FOR ROLE :"owner" IN SCHEMA public
    GRANT USAGE, SELECT ON SEQUENCES TO :"runtime";

-- Row-level security keeps conditions away from rows of others unless their functions are known to tell nothing of
-- what they are given, and full text search would go without its index. Matching tells nothing but its result: it has
-- no errors that depend on a text. Only a superuser may say so; where there is none, search is slower, and right.
SELECT format('ALTER FUNCTION %s LEAKPROOF', oid::regprocedure)
  FROM pg_proc
 WHERE oid = 'pg_catalog.ts_match_vq(tsvector, tsquery)'::regprocedure AND NOT proleakproof
   AND (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)
\gexec
