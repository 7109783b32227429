#!lua flags=allow-oom
-- Finds the orders that were not settled some seconds after they were accepted, whether they are by now or not: each once,
-- whichever process calls.
-- KEYS: orders (listing), how far was looked (an id)
-- ARGV: 1 lowest id that is not late yet, 2 seconds
-- Returns the status of each as it became late
local function seconds_of_day(time)
  local hours, minutes, seconds = string.match(time or '', 'T(%d+):(%d+):([%d.]+)')
  return hours and hours * 3600 + minutes * 60 + seconds
end
local from, late = redis.call('GET', KEYS[2]) or ARGV[1], {}
if from > ARGV[1] then return late end -- another process's clock is ahead
redis.call('SET', KEYS[2], ARGV[1])
for _, id in ipairs(redis.call('ZRANGE', KEYS[1], '[' .. from, '(' .. ARGV[1], 'BYLEX')) do
  local at = redis.pcall('HMGET', 'order:' .. id .. ':status', 'pending', 'processing', 'done', 'failed')
  local accepted, settled = seconds_of_day(at[1]), seconds_of_day(at[3] or at[4])
  if not (accepted and settled) or (settled - accepted) % 86400 > tonumber(ARGV[2]) then
    late[#late + 1] = at[2] and 'processing' or 'pending'
  end
end
return late
