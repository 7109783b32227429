#!lua flags=allow-oom
-- Settles an order: last status, stock and outcome event in one atomic step; a status never moves back.
-- KEYS: status, reservation, stock, outbox, order, open, event
-- ARGV: 1 status (done | failed), 2 time, 3 reason (''), 4 retention (s), 5 order id ('' to keep its sweep scheduled), 6…
--       outbox fields
-- Returns {status as it stands now, 1 if this call settled it, time of acceptance}; {'unknown', 0, ''} for an
-- order never accepted
local status = redis.call('HGET', KEYS[1], 'status')
if not status then return {'unknown', 0, ''} end
local accepted = redis.call('HGET', KEYS[1], 'pending') or ARGV[2]
if status == 'done' or status == 'failed' then return {status, 0, accepted} end
redis.call('HSET', KEYS[1], 'status', ARGV[1], ARGV[1], ARGV[2])
if ARGV[3] ~= '' then redis.call('HSET', KEYS[1], 'reason', ARGV[3]) end
if ARGV[1] == 'failed' then
  local held = redis.call('HGETALL', KEYS[2])
  for i = 1, #held, 2 do redis.call('HINCRBY', KEYS[3], held[i], held[i + 1]) end
end
redis.call('DEL', KEYS[2], KEYS[7])
redis.call('ZREM', KEYS[6], ARGV[5])
redis.call('EXPIRE', KEYS[1], ARGV[4])
redis.call('EXPIRE', KEYS[5], ARGV[4])
redis.call('XADD', KEYS[4], '*', unpack(ARGV, 6))
redis.call('PUBLISH', KEYS[1], ARGV[1])
return {ARGV[1], 1, accepted}
