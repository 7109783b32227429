#!lua flags=allow-oom
-- Rate limit by the generic cell rate algorithm: one key a client, one round trip.
-- KEYS: client's key.  ARGV: 1 seconds between requests, 2 burst
-- Returns {allowed 0|1, remaining, retry after (ms), full again after (ms)}
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local interval, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local tolerance = interval * burst
local arrival = math.max(tonumber(redis.call('GET', KEYS[1]) or now), now)
local next_arrival = arrival + interval
local allowed_at = next_arrival - tolerance
if now < allowed_at then
  return {0, 0, math.ceil((allowed_at - now) * 1000), math.ceil((arrival - now) * 1000)}
end
redis.call('SET', KEYS[1], string.format('%.6f', next_arrival), 'PX', math.ceil((next_arrival - now) * 1000) + 1)
return {1, math.floor((now - allowed_at) / interval), 0, math.ceil((next_arrival - now) * 1000)}
