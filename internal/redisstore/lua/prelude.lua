-- What all scripts on one application share. KEYS: 1 the set of names, 2 the sorted set of versions, 3 our record, 4 the last revision,
-- 5 the stream of changes, 6 the set of our records. ARGV: 1 the prefix of the version keys, 2 the lattice, 3 the name.
local set, versions, own, counter, changes, index = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local prefix, lattice, name = ARGV[1], ARGV[2], ARGV[3]

local function kind(key) return redis.call('TYPE', key)['ok'] end

-- look reads what 0.3.0's keys hold. seen tells two states apart: order, put times and lengths.
local function look(whole)
  local s = {zkind = kind(versions), flat = {}, values = {}, kinds = {}}
  if s.zkind == 'zset' then s.flat = redis.call('ZRANGE', versions, 0, -1, 'WITHSCORES') end
  local parts = {s.zkind == 'zset' and '' or s.zkind}
  for i = 1, #s.flat, 2 do
    local key, n = prefix .. s.flat[i], -1
    local k = kind(key)
    if k == 'string' then
      n = redis.call('STRLEN', key)
      if whole then s.values[#s.values + 1] = redis.call('GET', key) end
    elseif whole then
      s.values[#s.values + 1] = false
    end
    s.kinds[#s.kinds + 1] = k
    parts[#parts + 1] = #s.flat[i] .. ':' .. s.flat[i] .. ':' .. s.flat[i + 1] .. ':' .. n .. ';'
  end
  s.seen = table.concat(parts)
  s.listed = kind(set) == 'set' and redis.call('SISMEMBER', set, name) == 1
  s.exists = s.listed or s.zkind == 'zset'
  return s
end

-- advance makes the next revision, and tells the last change before it.
local function advance()
  local t = redis.call('TIME')
  local rev = math.max(tonumber(t[1]) * 1000000 + tonumber(t[2]), (tonumber(redis.call('GET', counter) or '') or 0) + 1)
  local last, entry = '0-0', redis.call('XREVRANGE', changes, '+', '-', 'COUNT', 1)
  if #entry > 0 then
    last = entry[1][1]
    rev = math.max(rev, (tonumber(string.match(last, '^(%d+)')) or 0) + 1)
  end
  rev = string.format('%.0f', rev)
  redis.call('SET', counter, rev)
  return rev, last
end

local function publish(what, rev, last)
  redis.call('XADD', changes, 'MAXLEN', '~', 10000, rev .. '-0', 'prev', last, 'what', what, 'lattice', lattice, 'name', name)
end
