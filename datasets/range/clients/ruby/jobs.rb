# Good programs in Ruby; the first argument says which: sync (faraday), stale (httparty), service (net/http).
require_relative 'seat'

SEAT = Seat.new(30, 500)

# A shop system's nightly job over faraday: what changed, each record, now and then one written back.
def sync
  require 'faraday'
  agent = SEAT.pick([nil, 'ShopSync/4.2 (Rails)', 'erp-connector'])
  client = Faraday.new(SEAT.url, ssl: { ca_file: ENV['RANGE_CA'] }, request: { timeout: 15 }) do |one|
    one.headers['X-Api-Key'] = SEAT.key
    one.headers['User-Agent'] = agent if agent
  end
  list, item = SEAT.pick([%w[orders order], %w[customers customer]])
  gap = SEAT.log(0.02, 1)
  SEAT.int(1, 4).times do |round|
    path = "#{SEAT.at(list)}?limit=50#{round.zero? ? '' : "&updated_since=2026-01-#{SEAT.int(10, 28)}"}"
    while path && !SEAT.over?
      page = patiently { client.get(path) }
      break unless page

      page['items'].first(SEAT.int(0, 25)).each do |one|
        break if SEAT.over?

        patiently { client.get(SEAT.at(item, one['id'])) }
        write_back(client, SEAT.at(item, one['id']), item == 'order' ? { note: 'synced' } : { city: 'Ulm' }) if SEAT.chance(0.15)
        SEAT.pause(gap)
      end
      path = page['next']
    end
    SEAT.pause(SEAT.log(2, 20))
  end
end

def write_back(client, path, change)
  patiently { client.patch(path, JSON.generate(change), 'Content-Type' => 'application/json') }
end

# The body of a good answer; waits and asks again where the API is busy or ill.
def patiently
  4.times do |tries|
    SEAT.left -= 1
    answer = yield
    status = answer.respond_to?(:status) ? answer.status : answer.code.to_i
    return SEAT.parse(answer.body) if status < 300
    return nil unless [429, 500, 502, 503].include?(status) && !SEAT.over?

    SEAT.pause([answer.headers['retry-after'].to_f, 0.6 * (tries + 1)].max)
  end
  nil
end

# A stock list that asks for things by the ids it once wrote down; many are gone.
def stale
  require 'httparty'
  headers = { 'Authorization' => "Bearer #{SEAT.key}" }
  headers['User-Agent'] = 'stock-refresh 1.0' if SEAT.chance(0.5)
  options = { headers:, ssl_ca_file: ENV['RANGE_CA'], timeout: 15 }
  item = SEAT.pick(%w[order customer])
  ids = SEAT.lines(item == 'order' ? 'RANGE_IDS' : 'RANGE_CUSTOMER_IDS')
  from = SEAT.int(0, ids.size - 400)
  gone, gap = SEAT.real(0.2, 0.6), SEAT.log(0.02, 1)
  ids[from, SEAT.log(15, 300).round].each do |id|
    break if SEAT.over?

    wanted = SEAT.chance(gone) ? (id.match?(/\A\d+\z/) ? (id.to_i + 3_000_000).to_s : "#{SEAT.hex(8)}#{id[8..]}") : id
    patiently { HTTParty.get(SEAT.url + SEAT.at(item, wanted), options) }
    SEAT.pause(gap * SEAT.real(0.5, 1.5))
  end
end

# A service that answers its own callers from ours, each a few calls at once and then a rest.
def service
  SEAT.token = SEAT.key
  page = SEAT.insist('get', "#{SEAT.at('orders')}?limit=100")&.last || {}
  ids = SEAT.ids(page)
  agent = { 'User-Agent' => SEAT.pick(['basket-service', 'Ruby', 'mail-composer/2.1']), 'X-Request-Id' => SEAT.hex(16) }
  until SEAT.over?
    Array.new(SEAT.int(1, 4)) do
      order = SEAT.at('order', SEAT.pick(ids) || 1)
      path = SEAT.pick([order, "#{SEAT.at('products')}?limit=20", order])
      Thread.new { SEAT.insist('get', path, headers: agent) }
    end.each(&:join)
    SEAT.pause(SEAT.log(0.1, 4))
  end
end

send(ARGV.fetch(0))
