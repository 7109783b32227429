-- Sweeps an order that is not settled: puts its event into the outbox again, as if it had been lost.
-- KEYS: status, event, open, outbox
-- ARGV: 1 order id, 2 now (ms), 3 how long an order may take (ms), 4 how often to republish it at most,
--       5… outbox fields (none when the event is gone)
-- Returns not_due | settled | unknown (its status is gone) | republished | exhausted | failed (by a sweeper that may
-- have died before the payment was voided)
local due = redis.call('ZSCORE', KEYS[3], ARGV[1])
if not due or tonumber(due) > tonumber(ARGV[2]) then return 'not_due' end
-- First of all schedule the next sweep: an order whose status is no hash ends here, and must not be the first for ever.
redis.call('ZADD', KEYS[3], tonumber(ARGV[2]) + tonumber(ARGV[3]), ARGV[1])
local state = redis.call('HMGET', KEYS[1], 'status', 'sweeps')
if not state[1] or state[1] == 'done' then
  redis.call('ZREM', KEYS[3], ARGV[1])
  redis.call('DEL', KEYS[2])
  return state[1] and 'settled' or 'unknown'
end
local sweeps = tonumber(state[2] or 0)
-- Twice as long each time; also when the order fails now, in case the process that fails it dies.
redis.call('ZADD', KEYS[3], tonumber(ARGV[2]) + tonumber(ARGV[3]) * 2 ^ sweeps, ARGV[1])
if state[1] == 'failed' then return 'failed' end
if sweeps >= tonumber(ARGV[4]) or #ARGV < 5 then return 'exhausted' end
redis.call('HSET', KEYS[1], 'sweeps', sweeps + 1)
redis.call('XADD', KEYS[4], '*', unpack(ARGV, 5))
return 'republished'
