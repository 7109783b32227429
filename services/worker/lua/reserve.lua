#!lua flags=allow-oom
-- Begins an order: moves it to processing and takes its items from the stock, all or none.
-- KEYS: status, reservation, stock.  ARGV: 1 time, 2… sku, quantity, sku, quantity, …
-- Returns unknown | done | failed (settled before) | reserved | out_of_stock
local status = redis.call('HGET', KEYS[1], 'status')
if not status then return 'unknown' end
if status == 'done' or status == 'failed' then return status end
if status == 'pending' then
  redis.call('HSET', KEYS[1], 'status', 'processing', 'processing', ARGV[1])
  redis.call('PUBLISH', KEYS[1], 'processing')
end
if redis.call('EXISTS', KEYS[2]) == 1 then return 'reserved' end
local wanted = {}
for i = 2, #ARGV, 2 do
  wanted[ARGV[i]] = (wanted[ARGV[i]] or 0) + tonumber(ARGV[i + 1])
end
for sku, quantity in pairs(wanted) do
  if tonumber(redis.call('HGET', KEYS[3], sku) or 0) < quantity then return 'out_of_stock' end
end
for sku, quantity in pairs(wanted) do
  redis.call('HINCRBY', KEYS[3], sku, -quantity)
  redis.call('HSET', KEYS[2], sku, quantity)
end
return 'reserved'
