-- Forgets the oldest orders that are settled, and their payments, and what is listed and not kept any more; open
-- orders stay.
-- KEYS: orders (listing), open.  ARGV: 1 id that is too young, 2 how many orders to look at
for _, id in ipairs(redis.call('ZRANGE', KEYS[1], '-', '(' .. ARGV[1], 'BYLEX', 'LIMIT', 0, ARGV[2])) do
  local order = 'order:' .. id
  local status = redis.pcall('HGET', order .. ':status', 'status') -- a damaged one is no reason to keep the others
  local over = status == 'done' or status == 'failed' or not status and redis.call('EXISTS', order) == 0
  if over and not redis.call('ZSCORE', KEYS[2], id) then
    redis.call('DEL', order, order .. ':status', 'payment:' .. id)
    redis.call('ZREM', KEYS[1], id)
  end
end
