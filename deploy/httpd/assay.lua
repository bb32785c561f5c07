-- The question of Apache httpd, for LuaHookAccessChecker; needs LuaSocket. A connection of its own for each request.
require "apache2"
local socket = require "socket"

local TIMEOUT_SECONDS = 0.020
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

function ask(request)
  -- The client's own word counts for nothing.
  for _, name in ipairs(HEADERS) do request.headers_in[name] = nil end
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
      if not each or each == "" then break end
    end
    for _, name in ipairs(HEADERS) do request.headers_in[name] = found[name:lower()] end
  end
  connection:close()
  if status == "403" then return 403 end
  return apache2.DECLINED
end
