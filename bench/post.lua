-- Distinct valid signups for wrk: wrk -s post.lua URL -- KEYS TAG PAUSE [ADDRESSES FIRST API_KEY INVITE]
-- KEYS is a file with a public key a line; TAG makes the names differ from those of other runs; PAUSE, if not 0, is
-- the milliseconds that each connection rests after an answer. ADDRESSES is a format of client addresses as a proxy
-- gives them, with two groups of digits, which count from FIRST on. All signups come with API_KEY and the invitation
-- INVITE. What is empty is not sent.

local threads = {}

function setup(thread)
  table.insert(threads, thread)
  thread:set("number", #threads)
end

function init(args)
  keys = {}
  for key in io.lines(args[1]) do keys[#keys + 1] = key end
  local invite = (args[7] or "") ~= "" and '"invite":"' .. args[7] .. '",' or ""
  head = '{"account":{' .. invite .. '"name":"bench-' .. args[2] .. "-" .. number .. "-"
  statuses = {}
  local pause = tonumber(args[3])
  if pause > 0 then
    function delay() return pause end
  end
  addresses = (args[4] or "") ~= "" and args[4]
  sent = tonumber(args[5]) or 0
  wrk.method = "POST"
  wrk.headers["Content-Type"] = "application/json"
  if (args[6] or "") ~= "" then
    wrk.headers["Authorization"] = "Bearer " .. args[6]
  end
end

local function key(place)
  return keys[place % #keys + 1]
end

function request()
  sent = sent + 1
  if addresses then
    wrk.headers["X-Forwarded-For"] = string.format(addresses, sent % 65536, math.floor(sent / 65536))
  end
  local place = sent * 3
  return wrk.format(nil, nil, nil, head .. sent .. '","owner_key":"' .. key(place) .. '","active_key":"' ..
    key(place + 1) .. '","memo_key":"' .. key(place + 2) .. '"}}')
end

function response(status, headers)
  statuses[status] = (statuses[status] or 0) + 1
  if status == 503 and not headers["Retry-After"] then
    statuses.silent = (statuses.silent or 0) + 1
  end
end

-- One line for bench/load.py: microseconds, counts.
function done(summary, latency)
  local line = { "summary", "us=" .. summary.duration }
  for _, share in ipairs({ 50, 95, 99 }) do
    table.insert(line, "p" .. share .. "=" .. latency:percentile(share))
  end
  local counts = {}
  for _, thread in ipairs(threads) do
    for status, count in pairs(thread:get("statuses")) do
      counts[status] = (counts[status] or 0) + count
    end
  end
  for status, count in pairs(counts) do
    table.insert(line, status .. "=" .. count)
  end
  local errors = summary.errors
  table.insert(line, "broken=" .. errors.connect + errors.read + errors.write + errors.timeout)
  print(table.concat(line, " "))
end
