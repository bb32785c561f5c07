-- wrk script: several paths, an end after so many calls, a pause between calls.
--   FLOOD_PATHS (by spaces), FLOOD_CALLS, FLOOD_DELAY_MS (on average), FLOOD_SEED

local paths = {}
for path in (os.getenv("FLOOD_PATHS") or "/"):gmatch("%S+") do
  paths[#paths + 1] = path
end
local left = tonumber(os.getenv("FLOOD_CALLS") or "500")
local pause = tonumber(os.getenv("FLOOD_DELAY_MS") or "0")

function init()
  math.randomseed(tonumber(os.getenv("FLOOD_SEED") or "1"))
end

function request()
  return wrk.format("GET", paths[math.random(#paths)])
end

function delay()
  if pause == 0 then
    return 0
  end
  return math.floor(pause * (0.3 + 1.4 * math.random()))
end

function response()
  left = left - 1
  if left <= 0 then
    wrk.thread:stop()
  end
end
