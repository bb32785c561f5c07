-- The question of Apache httpd, for LuaHookAccessChecker; needs LuaSocket. A connection of its own for each request.
require "apache2"
local socket = require "socket"

local TIMEOUT_SECONDS = 0.020
local STEADY_MICROSECONDS = 1000000
local MAX_KEPT = 1000
local HEADERS = { "X-Assay-Verdict", "X-Assay-Score", "X-Assay-Reasons", "X-Assay-Decision", "X-Assay-Action", "X-Assay-Subject" }

local function header(request, name)
  local value = request.headers_in[name]
  return value and value ~= "" and (name .. ": " .. value:gsub("[\r\n]", " ") .. "\r\n") or ""
end

-- Of which call it is, and what is known of it; the same names as in the log.
local function call(request)
  local told = "id=" .. request.subprocess_env["UNIQUE_ID"] .. ";method=" .. request.method .. ";protocol=" .. request.protocol ..
    ";tls=" .. request:ssl_var_lookup("SSL_PROTOCOL") .. ";cipher=" .. request:ssl_var_lookup("SSL_CIPHER") ..
    ";resumed=" .. request:ssl_var_lookup("SSL_SESSION_RESUMED") .. ";host=" .. (request.headers_in["Host"] or "") ..
    ";uri=" .. request.unparsed_uri
  return (told:gsub("[\r\n]", " "))
end

local function tell(request, found)
  for _, name in ipairs(HEADERS) do request.headers_in[name] = found[name:lower()] end
end

-- What is said of a client that has been good for long, for a second; of each thread's own questions.
local kept, count = {}, 0

local function keep(key, found, now)
  if not kept[key] then
    if count >= MAX_KEPT then kept, count = {}, 0 end
    count = count + 1
  end
  kept[key] = { till = now + STEADY_MICROSECONDS, found = found }
end

function ask(request)
  local key = table.concat({ request.useragent_ip, request.headers_in["User-Agent"] or "", request.headers_in["Authorization"] or "",
    request.headers_in["X-API-Key"] or "" }, "\n")
  local known, now = kept[key], request:clock()
  if known and known.till > now then
    tell(request, known.found)
    return apache2.DECLINED
  end
  -- The client's own word counts for nothing.
  tell(request, {})
  local connection = socket.tcp()
  connection:settimeout(TIMEOUT_SECONDS)
  local status
  if connection:connect("127.0.0.1", 8080) then
    connection:send("GET /v1/authz HTTP/1.1\r\nhost: assay\r\nconnection: close\r\nx-real-ip: " .. request.useragent_ip .. "\r\n" ..
      header(request, "User-Agent") .. header(request, "Authorization") .. header(request, "X-API-Key") ..
      header(request, "Accept") .. header(request, "Accept-Encoding") .. header(request, "Accept-Language") ..
      header(request, "Content-Type") .. header(request, "Referer") .. "x-assay-call: " .. call(request) .. "\r\n\r\n")
    local line = connection:receive("*l")
    status = line and line:match("^HTTP/1%.%d (%d+)")
    local found = {}
    while status == "200" do
      local each = connection:receive("*l")
      local name, value = (each or ""):match("^(x%-assay%-%a+): (.-)\r?$")
      if name then found[name] = value end
      if each and each:find("^cache%-control: max%-age=1\r?$") then keep(key, found, now) end
      if not each or each == "" then break end
    end
    tell(request, found)
  end
  connection:close()
  if status == "403" then return 403 end
  return apache2.DECLINED
end
