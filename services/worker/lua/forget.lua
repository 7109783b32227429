-- Forgets the oldest orders that are settled, and their payments, and what is listed and not kept any more; open
-- orders stay, and those that took long, until they are settled for some time.
-- KEYS: orders (listing), open.  ARGV: 1 id that is too young, 2 how many orders to look at, 3 time that is too young
for _, id in ipairs(redis.call('ZRANGE', KEYS[1], '-', '(' .. ARGV[1], 'BYLEX', 'LIMIT', 0, ARGV[2])) do
  local order = 'order:' .. id
  -- A damaged one, whose reply has none of these, is no reason to keep the others.
  local found = redis.pcall('HMGET', order .. ':status', 'status', 'done', 'failed')
  local settled = found[2] or found[3]
  local over = settled and settled < ARGV[3] or found[1] == false and redis.call('EXISTS', order) == 0
  if over and not redis.call('ZSCORE', KEYS[2], id) then
    redis.call('DEL', order, order .. ':status', 'payment:' .. id)
    redis.call('ZREM', KEYS[1], id)
  end
end
