-- E-mails are kept composed (NFC), and looked up so. One that was stored otherwise is brought into that form, unless
-- somebody else has it, or comes to have it here: then it stays as it is, and its user cannot log in with it any more.
UPDATE users u SET email = normalize(email, NFC)
WHERE email IS NOT NFC NORMALIZED
  AND NOT EXISTS (SELECT FROM users other WHERE other.id <> u.id
                    AND fold(normalize(other.email, NFC)) = fold(normalize(u.email, NFC))
                    AND (other.email IS NFC NORMALIZED OR other.id < u.id));
