# What the range hands a client: addresses, paths, credentials, dice and a clock that ends in time.
require 'json'
require 'net/http'
require 'openssl'
require 'securerandom'
require 'uri'

class Seat
  BROWSERS = [
    'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/125.0.0.0 Safari/537.36 Edg/125.0.0.0',
    'Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Mobile/15E148 Safari/604.1',
    'Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:126.0) Gecko/20100101 Firefox/126.0'
  ].freeze
  APPS = ['okhttp/4.10.0', 'Kiosk/7.1 (iPad; iOS 16.6; Scale/2.00)', 'Dalvik/2.1.0 (Linux; U; Android 12; M2101K6G)'].freeze

  attr_reader :url, :urls, :key, :email, :password, :statuses, :forms, :dice
  attr_accessor :left, :token
  attr_writer :disguise

  def initialize(least = 600, most = 600)
    @urls = (ENV['RANGE_URLS'] || ENV.fetch('RANGE_URL')).split
    @url = @urls.first
    # These drivers are for the range's own mock API only.
    foreign = @urls.find { |one| !URI(one).host.match?(/\A([a-z0-9-]+\.range\.test|localhost)\z/) }
    raise "not an address of the range: #{foreign}" if foreign
    @api = JSON.parse(ENV.fetch('RANGE_API'))
    @key, @email, @password = ENV.values_at('RANGE_API_KEY', 'RANGE_EMAIL', 'RANGE_PASSWORD')
    @forms = ENV.fetch('RANGE_FORM', 'plain').split('+')
    @dice = Random.new(ENV.fetch('RANGE_SEED', '1').to_i)
    @ends = now + ENV.fetch('RANGE_SECONDS', '60').to_f - 1
    @statuses = Hash.new(0)
    @left = log(least, most).round
    @lock = Mutex.new
    @wait = { 'jitter' => [0.3, 3.0], 'slow' => [2.0, 7.0] }.find { |name, _| form?(name) }&.last
    @gap = log(0.004, 0.4)
    @block = int(8, 40)
  end

  def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)
  def form?(name) = @forms.include?(name)
  def chance(share) = @dice.rand < share
  def real(low, high) = low + @dice.rand * (high - low)
  def int(low, high) = @dice.rand(low..high)
  def log(low, high) = low * (high.to_f / low)**@dice.rand
  def pick(list) = list[@dice.rand(list.size)]
  def shuffle(list) = list.shuffle(random: @dice)
  def hex(length) = Array.new(length) { @dice.rand(16).to_s(16) }.join
  def at(name, id = nil) = @api.fetch(name).sub('{}', id.to_s)
  def lines(name) = ENV[name] ? File.readlines(ENV[name], chomp: true) : []
  def over? = @left <= 0 || now >= @ends
  def number_ids? = @api['_ids'] == 'number'

  def pause(seconds)
    seconds = [seconds, @ends - now].min
    sleep(seconds) if seconds.positive?
  end

  # The pace of an attack's form; pauses come after some calls.
  def breathe
    return pause(log(*@wait)) if @wait
    return pause(real(4, 14)) if form?('pauses') && (@left % @block).zero?

    pause(@gap * real(0.7, 1.3))
  end

  # Headers of the form.
  def disguise
    return {} if @forms == ['plain']

    @disguise ||=
      if form?('browser')
        { 'User-Agent' => pick(BROWSERS), 'Accept' => 'application/json, text/plain, */*',
          'Accept-Language' => pick(%w[en-US,en;q=0.9 es-ES,es;q=0.8]), 'Referer' => "#{@url}/" }.merge(chance(0.5) ? { 'Sec-Fetch-Mode' => 'cors', 'Sec-Fetch-Site' => 'same-origin' } : {})
      elsif form?('mobile')
        { 'User-Agent' => pick(APPS), 'Accept' => 'application/json', 'X-Device-Id' => hex(16) }
      else
        {}
      end
  end

  # One call over a connection that its thread keeps; [status, data, retry-after].
  def call(method, path, body = nil, as: nil, headers: {}, url: @url)
    @lock.synchronize { @left -= 1 }
    request = Net::HTTP.const_get(method.capitalize).new(path, disguise.merge(headers))
    credential = as || @token
    request['Authorization'] = "Bearer #{credential}" if credential && credential != ''
    if body.is_a?(String)
      request['Content-Type'] ||= 'application/x-www-form-urlencoded'
      request.body = body
    elsif body
      request['Content-Type'] = 'application/json'
      request.body = JSON.generate(body)
    end
    answer = connection(url).request(request)
    @lock.synchronize { @statuses[answer.code.to_i] += 1 }
    [answer.code.to_i, parse(answer.body), answer['Retry-After'].to_f]
  rescue SystemCallError, IOError, Timeout::Error, OpenSSL::SSL::SSLError, Net::ProtocolError
    @lock.synchronize { @statuses[0] += 1 }
    Thread.current[url] = nil
    [0, {}, 0.0]
  end

  # As `call`, but again after a wait where the API is busy or ill.
  def insist(*call, **options)
    4.times do |tries|
      status, data, after = call(*call, **options)
      return [status, data] unless [0, 429, 503].include?(status) && !over? && tries < 3

      pause([after, 0.7 * (tries + 1)].max)
    end
  end

  def connection(url)
    Thread.current[url] ||= begin
      place = URI(url)
      http = Net::HTTP.new(place.host, place.port)
      http.use_ssl = true
      http.ca_file = ENV['RANGE_CA']
      http.keep_alive_timeout = 30
      http.max_retries = 0
      http.start
    end
  end

  def parse(text)
    data = JSON.parse(text.to_s)
    data.is_a?(Hash) ? data : {}
  rescue JSON::ParserError
    {}
  end

  # Of what a list shows.
  def ids(page) = (page['items'] || []).map { |one| one['id'] }

  def login(email = @email, password = @password)
    status, data = call('post', at('login'), { email:, password: }, as: '')
    @token = data['token'] if status == 200
    [status, data]
  end

  def tell = puts(@statuses.map { |status, count| "#{status}:#{count}" }.join(' '))
end
