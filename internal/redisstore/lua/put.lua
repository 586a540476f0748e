-- Writes one application. ARGV from 4: the expected revision (0: create), the deployed version, unknown members, then for each version
-- in order: version, put time in ms, 'write' or 'keep', term, our field.
local s = look(false)
local expect, deployed, unknown = ARGV[4], ARGV[5], ARGV[6]
local rev = redis.call('HGET', own, 'rev')
if s.exists then
  if expect == '0' or rev ~= expect or redis.call('HGET', own, 'seen') ~= s.seen then return {'conflict'} end
elseif expect ~= '0' then
  return {'conflict'}
end
local function wrong(key, want)
  local k = kind(key)
  return k ~= 'none' and k ~= want and {'kind', key, k, want}
end
local bad = wrong(set, 'set') or wrong(versions, 'zset') or wrong(index, 'set')
for i = 7, #ARGV, 5 do
  if ARGV[i + 2] == 'write' then bad = bad or wrong(prefix .. ARGV[i], 'string') end
end
if bad then return bad end

local before, keep = {}, {}
for i = 1, #s.flat, 2 do before[s.flat[i]] = s.flat[i + 1] end
local t = redis.call('TIME')
local now = tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
local last
rev, last = advance()
local prev = -math.huge
for i = 7, #ARGV, 5 do
  local version = ARGV[i]
  local score = tonumber(before[version] or ARGV[i + 1]) or now
  if score <= prev then score = math.floor(prev) + 1 end
  prev = score
  if tonumber(before[version] or '') ~= score then redis.call('ZADD', versions, string.format('%.17g', score), version) end
  if ARGV[i + 2] == 'write' then
    redis.call('SET', prefix .. version, ARGV[i + 3])
    redis.call('HSET', own, 'v:' .. version, ARGV[i + 4])
  end
  keep[version] = true
end
for version in pairs(before) do
  if not keep[version] then
    redis.call('ZREM', versions, version)
    if kind(prefix .. version) == 'string' then redis.call('DEL', prefix .. version) end
    redis.call('HDEL', own, 'v:' .. version)
  end
end
if deployed == '' then redis.call('HDEL', own, 'deployed') else redis.call('HSET', own, 'deployed', deployed) end
if unknown == '' then redis.call('HDEL', own, 'unknown') else redis.call('HSET', own, 'unknown', unknown) end
redis.call('SADD', set, name)
redis.call('SADD', index, name)
redis.call('HSET', own, 'rev', rev, 'seen', look(false).seen)
publish('model', rev, last)
return {'ok', rev}
