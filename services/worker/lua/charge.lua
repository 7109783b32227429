#!lua flags=allow-oom
-- Charges an order at the simulated provider, once, however often it is called.
-- KEYS: payment.  ARGV: 1 verdict (approved | declined), 2 how often to be unavailable first, 3 amount,
--       4 currency, 5 time, 6 retention (s)
-- Returns the payment's state: approved | declined | voided, or unavailable
local state = redis.call('HGET', KEYS[1], 'state')
if state then return state end
local attempts = redis.call('HINCRBY', KEYS[1], 'attempts', 1)
redis.call('EXPIRE', KEYS[1], ARGV[6])
if attempts <= tonumber(ARGV[2]) then return 'unavailable' end
redis.call('HSET', KEYS[1], 'state', ARGV[1], 'amount', ARGV[3], 'currency', ARGV[4], 'at', ARGV[5])
if ARGV[1] == 'approved' then redis.call('HINCRBY', KEYS[1], 'charges', 1) end
return ARGV[1]
