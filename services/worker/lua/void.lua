#!lua flags=allow-oom
-- Voids a payment, also one that was not taken yet, so that it never will be.
-- KEYS: payment.  ARGV: 1 time, 2 retention (s).  Returns the state before, '' when there was none
local state = redis.call('HGET', KEYS[1], 'state')
if state ~= 'declined' then redis.call('HSET', KEYS[1], 'state', 'voided', 'voided_at', ARGV[1]) end
redis.call('EXPIRE', KEYS[1], ARGV[2])
return state or ''
