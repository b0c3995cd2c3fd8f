-- E-mails are kept composed (NFC), and looked up so. One that was stored otherwise is brought into that form, unless
-- somebody else has it: then it stays as it is, and its user cannot log in with it any more.
UPDATE users u SET email = normalize(email, NFC)
WHERE email IS NOT NFC NORMALIZED
  AND NOT EXISTS (SELECT FROM users other WHERE fold(other.email) = fold(normalize(u.email, NFC)));
