-- Which kind of access token a session gives: long ones for clients that cannot refresh, else short ones. A renewal
-- takes no refresh token; without this it could not know, and would give a long token to who must rotate refresh tokens.
-- Sessions from before count as short.

ALTER TABLE sessions ADD COLUMN long_lived boolean NOT NULL DEFAULT false;
