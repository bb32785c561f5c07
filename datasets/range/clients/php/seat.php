<?php
// What the range hands a client: addresses, paths, credentials, dice and a clock that ends in time.
const BROWSERS = [
    'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:126.0) Gecko/20100101 Firefox/126.0',
    'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/123.0.0.0 Safari/537.36',
    'Mozilla/5.0 (Linux; Android 13; SM-S901B) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Mobile Safari/537.36',
];
const APPS = ['okhttp/4.9.2', 'StoreApp/3.8.0 (iPhone; iOS 16.7; Scale/3.00)', 'Dart/3.2 (dart:io)'];

class Seat
{
    public string $url;
    public string $key;
    public array $forms;
    public array $statuses = [];
    public int $left;
    public ?string $token = null;
    private array $api;
    private array $headers = [];
    private float $ends;
    private float $gap;
    private int $block;
    private CurlHandle $curl;

    public function __construct(float $least = 600, float $most = 600)
    {
        mt_srand((int) getenv('RANGE_SEED'));
        $this->url = getenv('RANGE_URL');
        // These drivers are for the range's own mock API only.
        if (!preg_match('/^([a-z0-9-]+\.range\.test|localhost)$/', parse_url($this->url, PHP_URL_HOST)))
            throw new RuntimeException("not an address of the range: $this->url");
        $this->api = json_decode(getenv('RANGE_API'), true);
        $this->key = getenv('RANGE_API_KEY');
        $this->forms = explode('+', getenv('RANGE_FORM') ?: 'plain');
        $this->ends = microtime(true) + (float) getenv('RANGE_SECONDS') - 1;
        $this->left = (int) round($this->log($least, $most));
        $this->gap = $this->log(0.004, 0.4);
        $this->block = $this->int(5, 35);
        $this->curl = curl_init();
    }

    public function is(string $form): bool { return in_array($form, $this->forms, true); }
    public function real(float $low, float $high): float { return $low + mt_rand() / mt_getrandmax() * ($high - $low); }
    public function log(float $low, float $high): float { return $low * ($high / $low) ** $this->real(0, 1); }
    public function int(int $low, int $high): int { return mt_rand($low, $high); }
    public function chance(float $share): bool { return $this->real(0, 1) < $share; }
    public function pick(array $list): mixed { return $list[mt_rand(0, count($list) - 1)]; }
    public function hex(int $length): string { return implode('', array_map(fn () => dechex(mt_rand(0, 15)), range(1, $length))); }
    public function at(string $name, string $id = ''): string { return str_replace('{}', rawurlencode($id), $this->api[$name]); }
    public function lines(string $name): array { return getenv($name) ? file(getenv($name), FILE_IGNORE_NEW_LINES) : []; }
    public function isOver(): bool { return $this->left <= 0 || microtime(true) >= $this->ends; }
    public function leftSeconds(): float { return $this->ends - microtime(true); }

    public function pause(float $seconds): void
    {
        $seconds = min($seconds, $this->leftSeconds());
        if ($seconds > 0) usleep((int) ($seconds * 1e6));
    }

    /** The pace of an attack's form. */
    public function breathe(): void
    {
        if ($this->is('jitter')) $this->pause($this->log(0.3, 2.8));
        elseif ($this->is('pauses') && $this->left % $this->block === 0) $this->pause($this->real(4, 12));
        else $this->pause($this->gap * $this->real(0.8, 1.3));
    }

    /** Whose headers, which credential. */
    public function dress(): void
    {
        if ($this->is('browser')) {
            $this->headers = ['User-Agent' => $this->pick(BROWSERS), 'Accept' => '*/*', 'Accept-Language' => 'it-IT,it;q=0.9,en;q=0.7'];
            $this->headers['Origin'] = $this->url;
        } elseif ($this->is('mobile')) {
            $version = '3.' . $this->int(0, 9);
            $this->headers = ['User-Agent' => $this->pick(APPS), 'Accept' => 'application/json', 'X-App-Version' => $version];
        }
        if ($this->is('key')) $this->token = $this->key;
        if ($this->is('account')) $this->login();
    }

    public function name(?string $agent): void { if ($agent) $this->headers['User-Agent'] = $agent; }

    /** A curl handle for one call; `as` null keeps the own token, '' goes without. */
    public function prepare(CurlHandle $curl, string $method, string $path, array|string|null $body, ?string $as, array $more): void
    {
        $headers = $this->headers + $more;
        $token = $as ?? $this->token ?? '';
        if ($token !== '') $headers['Authorization'] = "Bearer $token";
        if (is_array($body)) $headers['Content-Type'] = 'application/json';
        curl_reset($curl);
        curl_setopt_array($curl, [
            CURLOPT_URL => $this->url . $path, CURLOPT_CUSTOMREQUEST => $method, CURLOPT_RETURNTRANSFER => true, CURLOPT_TIMEOUT => 15,
            CURLOPT_CAINFO => getenv('RANGE_CA'), CURLOPT_ENCODING => $this->is('browser') ? '' : null,
            CURLOPT_HTTPHEADER => array_map(fn ($name, $value) => "$name: $value", array_keys($headers), $headers),
        ]);
        if ($body !== null) curl_setopt($curl, CURLOPT_POSTFIELDS, is_array($body) ? json_encode($body) : $body);
        $this->left--;
    }

    public function settle(int $status): void { $this->statuses[$status] = ($this->statuses[$status] ?? 0) + 1; }

    /** @return array{int, array} status and data */
    public function call(string $method, string $path, array|string|null $body = null, ?string $as = null, array $headers = []): array
    {
        $this->prepare($this->curl, $method, $path, $body, $as, $headers);
        $text = curl_exec($this->curl);
        $status = (int) curl_getinfo($this->curl, CURLINFO_RESPONSE_CODE);
        $this->settle($status);
        $data = is_string($text) ? json_decode($text, true) : null;
        return [$status, is_array($data) ? $data : []];
    }

    /** As `call`, but again after a wait where the API is busy or ill. */
    public function insist(string $method, string $path, array|string|null $body = null): array
    {
        for ($try = 1; ; $try++) {
            [$status, $data] = $this->call($method, $path, $body);
            if (($status !== 429 && $status < 500 && $status !== 0) || $try >= 4 || $this->isOver()) return [$status, $data];
            $this->pause($try * 0.8);
        }
    }

    public function login(?string $email = null, ?string $password = null): array
    {
        $body = ['email' => $email ?? getenv('RANGE_EMAIL'), 'password' => $password ?? getenv('RANGE_PASSWORD')];
        $answer = $this->call('POST', $this->at('login'), $body, '');
        if ($answer[0] === 200) $this->token = $answer[1]['token'];
        return $answer;
    }

    public function tell(): void { echo json_encode($this->statuses), "\n"; }
}
