// An HTTPS load generator with client certificates, for measurements and for the tests of P8.
//
//   http_load --url https://127.0.0.1:8443 --pin HEX --identity CERT:KEY[:BODIES] ... --connections 200 --rate 200
//             --method POST --path /v1/sites/main/verify --duration 10 [--silent N] [--drip N]
//
// BODIES is a file with a request body a line. With --rate the requests keep a fixed schedule, and a wait counts from
// the moment at which the request was due; without, each connection asks again after each answer. Prints one JSON
// object.
#include <CLI/CLI.hpp>
#include <csignal>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>

#include "tests/bench/load_loop.h"

namespace {

using namespace facekeep;
using namespace facekeep::bench;

std::atomic<bool> stop{false};

void on_signal(int /*number*/) {
  stop = true;
}

Status parse_url(const std::string& url, LoadPlan& plan) {
  constexpr std::string_view kScheme = "https://";
  const std::size_t colon = url.rfind(':');
  if (!url.starts_with(kScheme) || colon < kScheme.size()) {
    return make_error(Errc::kInvalidArgument, "the URL is not https://ADDRESS:PORT");
  }
  plan.host = url.substr(kScheme.size(), colon - kScheme.size());
  const int port = std::atoi(url.c_str() + colon + 1);
  if (port < 1 || port > 65535) return make_error(Errc::kInvalidArgument, "the URL has no port");
  plan.port = static_cast<std::uint16_t>(port);
  return {};
}

Status parse_identity(const std::string& text, LoadPlan& plan) {
  std::vector<std::string> parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, ':');) parts.push_back(part);
  if (parts.size() != 2 && parts.size() != 3) {
    return make_error(Errc::kInvalidArgument, "an identity is CERT:KEY or CERT:KEY:BODIES, and is: " + text);
  }
  Identity identity{parts[0], parts[1], {}};
  if (parts.size() == 3) {
    std::ifstream file(parts[2]);
    for (std::string line; std::getline(file, line);) identity.bodies.push_back(line);
    if (identity.bodies.empty()) return make_error(Errc::kIo, "no request bodies in " + parts[2]);
  }
  plan.identities.push_back(std::move(identity));
  return {};
}

nlohmann::ordered_json to_json(const Latencies& l) {
  return {{"count", l.values.size()}, {"p50", l.at(0.5)}, {"p90", l.at(0.9)}, {"p99", l.at(0.99)}, {"max", l.at(1)}};
}

nlohmann::ordered_json to_json(const LoadResult& r) {
  nlohmann::ordered_json statuses = nlohmann::ordered_json::object();
  for (const auto& [status, count] : r.statuses) statuses[std::to_string(status)] = count;
  return {{"seconds", r.seconds},
          {"answers", r.answers},
          {"per_second", r.seconds > 0 ? static_cast<double>(r.answers) / r.seconds : 0},
          {"latency_us", to_json(r.latency)},
          {"handshake_us", to_json(r.handshake)},
          {"statuses", statuses},
          {"fields", r.fields},
          {"errors", r.errors},
          {"without_retry_after", r.without_retry_after},
          {"least_answers", r.least_answers},
          {"beside", {{"opened", r.beside_opened}, {"ended", r.beside_ended}, {"open_at_end", r.beside_open_at_end}}}};
}

int fail(const Error& error) {
  std::cerr << "error: " << error.message << '\n';
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGTERM, on_signal);
  std::signal(SIGINT, on_signal);
  LoadPlan plan;
  plan.stop = &stop;
  std::string url;
  std::vector<std::string> identities;
  bool insecure = false;
  CLI::App app("HTTPS load with client certificates");
  app.add_option("--url", url, "https://ADDRESS:PORT")->required();
  app.add_option("--pin", plan.pin, "SHA-256 of the server's SubjectPublicKeyInfo, hexadecimal");
  app.add_flag("--insecure", insecure, "any server key");
  app.add_option("--identity", identities, "CERT:KEY[:BODIES], may be repeated");
  app.add_option("--connections", plan.connections, "0: only those beside")->check(CLI::Range(0, 20000));
  app.add_option("--rate", plan.rate, "requests a second, of all; 0: each connection as fast as it can");
  app.add_option("--warm-up", plan.warm_up, "seconds");
  app.add_option("--duration", plan.duration, "seconds");
  app.add_option("--requests", plan.requests, "ends after so many answers");
  app.add_option("--patience", plan.patience, "seconds until an answer that is not there is an error");
  app.add_option("--method", plan.method);
  app.add_option("--path", plan.path);
  app.add_option("--header", plan.headers, "NAME: VALUE");
  app.add_option("--silent", plan.silent, "connections beside that say nothing");
  app.add_option("--drip", plan.drip, "connections beside that send a byte a second");
  app.add_option("--sources", plan.sources, "addresses that those beside come from")->check(CLI::Range(1, 200));
  app.add_option("--count", plan.count_field, "count the values of this JSON text field");
  CLI11_PARSE(app, argc, argv);
  if (plan.pin.empty() && !insecure) return fail(make_error(Errc::kInvalidArgument, "give --pin or --insecure"));
  if (const auto parsed = parse_url(url, plan); !parsed) return fail(parsed.error());
  for (const std::string& text : identities) {
    if (const auto parsed = parse_identity(text, plan); !parsed) return fail(parsed.error());
  }
  const auto result = run_load(plan);
  if (!result) return fail(result.error());
  std::cout << to_json(*result).dump() << std::endl;
  return 0;
}
