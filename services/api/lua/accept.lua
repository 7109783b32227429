-- Accepts an order in one atomic step: idempotency key, order, status, listing, outbox entry, and
-- the event once more, for the sweeper, until the order is settled.
-- Called twice for one order, it changes nothing the second time.
-- KEYS: order, status, orders (listing), outbox, idempotency key (or the order's, when there is none), open, event
-- ARGV: 1 order id, 2 order, 3 time, 4 outbox bound, 5 fingerprint ('' without a key), 6 idempotency TTL (s),
--       7 lowest id kept in the listing, 8 when its sweep is due (ms), 9… outbox fields
-- Returns {outcome, order, its id}: accepted | replayed (its order is '' when it is not kept any more) | conflict | full
if ARGV[5] ~= '' then
  local known = redis.call('HMGET', KEYS[5], 'fingerprint', 'order')
  if known[1] then
    if known[1] ~= ARGV[5] then return {'conflict', '', ''} end
    if known[2]:sub(1, 1) == '{' then return {'replayed', known[2], ''} end -- as versions up to 0.1 wrote it
    local order = redis.pcall('GET', 'order:' .. known[2])
    return {'replayed', type(order) == 'string' and order or '', known[2]}
  end
end
-- The same call once more, because the client lost the answer to the first.
if redis.call('EXISTS', KEYS[1]) == 1 then return {'accepted', ARGV[2], ARGV[1]} end
if redis.call('XLEN', KEYS[4]) >= tonumber(ARGV[4]) then return {'full', '', ''} end
redis.call('SET', KEYS[1], ARGV[2])
redis.call('HSET', KEYS[2], 'status', 'pending', 'pending', ARGV[3])
redis.call('ZADD', KEYS[3], 0, ARGV[1])
redis.call('ZREMRANGEBYLEX', KEYS[3], '-', '(' .. ARGV[7])
redis.call('XADD', KEYS[4], '*', unpack(ARGV, 9))
redis.call('HSET', KEYS[7], unpack(ARGV, 9))
redis.call('ZADD', KEYS[6], ARGV[8], ARGV[1])
if ARGV[5] ~= '' then
  redis.call('HSET', KEYS[5], 'fingerprint', ARGV[5], 'order', ARGV[1])
  redis.call('EXPIRE', KEYS[5], ARGV[6])
end
return {'accepted', ARGV[2], ARGV[1]}
