package dev.assay;

import java.io.File;
import org.springframework.beans.factory.annotation.Value;
import org.springframework.boot.ApplicationRunner;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.context.annotation.Bean;
import org.springframework.http.server.reactive.HttpHandler;
import org.springframework.http.server.reactive.ReactorHttpHandlerAdapter;
import reactor.netty.http.Http2SslContextSpec;
import reactor.netty.http.HttpProtocol;
import reactor.netty.http.server.HttpServer;

@SpringBootApplication
public class Gateway {
  public static void main(String[] args) {
    SpringApplication.run(Gateway.class, args);
  }

  /** A second port, with TLS: Spring Boot itself opens one. */
  @Bean
  ApplicationRunner encrypted(HttpHandler handler, @Value("${tls.port}") int port, @Value("${tls.certificate}") File certificate,
      @Value("${tls.key}") File key) {
    return args -> HttpServer.create().host("127.0.0.1").port(port)
        .secure(spec -> spec.sslContext(Http2SslContextSpec.forServer(certificate, key)))
        .protocol(HttpProtocol.H2, HttpProtocol.HTTP11)
        .handle(new ReactorHttpHandlerAdapter(handler)).bindNow();
  }
}
