#!lua flags=allow-oom
-- Finds the orders that have become late, that is, are still open some seconds after they were accepted: each once,
-- whichever process calls.
-- KEYS: orders (listing), open, how far was looked (an id)
-- ARGV: 1 lowest id that is not late yet
-- Returns the status of each
local from, late = redis.call('GET', KEYS[3]) or ARGV[1], {}
if from > ARGV[1] then return late end -- another process's clock is ahead
redis.call('SET', KEYS[3], ARGV[1])
for _, id in ipairs(redis.call('ZRANGE', KEYS[1], '[' .. from, '(' .. ARGV[1], 'BYLEX')) do
  if redis.call('ZSCORE', KEYS[2], id) then
    local status = redis.pcall('HGET', 'order:' .. id .. ':status', 'status')
    late[#late + 1] = status == 'processing' and status or 'pending'
  end
end
return late
