#include "api/metrics.h"

#include <prometheus/text_serializer.h>

#include <algorithm>

namespace facekeep::api {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

class Page {
 public:
  Page& counter(const std::string& name, const std::string& help, double value) {
    return add(name, help, MetricType::Counter, {}, {}, value);
  }
  Page& gauge(const std::string& name, const std::string& help, double value) {
    return add(name, help, MetricType::Gauge, {}, {}, value);
  }
  // One metric of a family; metrics of one family follow each other.
  Page& add(const std::string& name, const std::string& help, MetricType type, const std::string& label,
            const std::string& label_value, double value) {
    if (families_.empty() || families_.back().name != name) families_.push_back({name, help, type, {}});
    ClientMetric m;
    if (!label.empty()) m.label.push_back({label, label_value});
    if (type == MetricType::Counter) {
      m.counter.value = value;
    } else {
      m.gauge.value = value;
    }
    families_.back().metric.push_back(std::move(m));
    return *this;
  }
  std::vector<MetricFamily> take() { return std::move(families_); }

 private:
  std::vector<MetricFamily> families_;
};

void add_vault(Page& page, const Service::Metrics& vault, std::string_view state) {
  for (const char* s : {"sealed", "unsealing", "open", "halted"}) {
    page.add("facekeep_vault_state", "1 for the state that the vault is in", MetricType::Gauge, "state", s,
             state == s ? 1 : 0);
  }
  for (const char* d : {"match", "no_match", "refer"}) {
    const auto at = vault.decisions.find(d);
    page.add("facekeep_decisions_total", "Match answers, by decision", MetricType::Counter, "decision", d,
             at == vault.decisions.end() ? 0 : static_cast<double>(at->second));
  }
  for (std::size_t i = 0; i < ledger::kStages; ++i) {
    const auto stage = static_cast<ledger::Stage>(i);
    const auto at = vault.proposals.find(stage);
    page.add("facekeep_proposals", "Proposals that are open or ended lately, by stage", MetricType::Gauge, "stage",
             std::string(to_string(stage)), at == vault.proposals.end() ? 0 : static_cast<double>(at->second));
  }
  for (const auto over : {ledger::Over::kDoor, ledger::Over::kCamera, ledger::Over::kSubject}) {
    const auto at = vault.alarms.total.find(over);
    page.add("facekeep_budget_alarms_total", "Match calls that found a budget used up, by whose it was",
             MetricType::Counter, "budget", std::string(to_string(over)),
             at == vault.alarms.total.end() ? 0 : static_cast<double>(at->second));
  }
  page.gauge("facekeep_budget_alarms_open", "Alarms of budgets that no custodian has acknowledged",
             static_cast<double>(vault.alarms.open));
  page.gauge("facekeep_budget_alarm_entry", "Log entry of the latest alarm of a budget; 0 if there was none",
             static_cast<double>(vault.alarms.latest));
  page.gauge("facekeep_clock_jumped", "1 after the wall clock was set: nothing is destroyed by time until a restart",
             vault.clock_jumped ? 1 : 0);
  page.gauge("facekeep_exports_failing", "Approved exports that failed and are tried again; the journal says why",
             static_cast<double>(vault.exports_failing));
  const auto rotation = vault.rotation.value_or(SealStatus::Rotation{});
  page.gauge("facekeep_rotation_running", "1 from new keys until the old ones are destroyed", vault.rotation ? 1 : 0);
  page.gauge("facekeep_rotation_done", "Subjects whose key was rewrapped; 0 without a rotation",
             static_cast<double>(rotation.done));
  page.gauge("facekeep_rotation_total", "Subjects that a rotation rewraps; 0 without a rotation",
             static_cast<double>(rotation.total));
  page.gauge("facekeep_reshare_due", "1 since the main token was lost and replaced, until new cards have ended the old",
             vault.reshare_due ? 1 : 0);
  page.gauge("facekeep_subjects_in_doubt", "Subjects that a restore left in doubt: they do not match until confirmed",
             static_cast<double>(vault.in_doubt));
  page.gauge("facekeep_rotation_left_behind",
             "Stored keys or records that do not open: the old keys wait a day for somebody who repairs them",
             static_cast<double>(vault.rotation_left_behind));
  // Without a schedule there is nothing to wait for, and no number that would not be one.
  if (vault.rotation_due_ms) {
    page.gauge("facekeep_rotation_due_seconds",
               "Until the schedule's next rotation is due; negative once it is overdue",
               static_cast<double>(*vault.rotation_due_ms) / 1000);
  }
  page.gauge("facekeep_log_entries", "Entries in the log", static_cast<double>(vault.log_size));
  page.gauge("facekeep_templates", "Templates in memory", static_cast<double>(vault.templates));
  page.gauge("facekeep_template_bytes", "Bytes of memory for templates", static_cast<double>(vault.arena_bytes));
}

void add_front(Page& page, const http::Stats& s) {
  page.gauge("facekeep_connections", "Open connections whose handshake is done", static_cast<double>(s.open));
  page.gauge("facekeep_handshaking", "Connections in the handshake", static_cast<double>(s.handshaking));
  page.counter("facekeep_handshakes_total", "Finished handshakes", static_cast<double>(s.handshakes));
  for (std::size_t i = 0; i < s.refused.size(); ++i) {
    page.add("facekeep_handshakes_refused_total", "Peers that did not get through the handshake, by reason",
             MetricType::Counter, "reason", std::string(to_string(static_cast<http::Refusal>(i))),
             static_cast<double>(s.refused[i]));
  }
  page.counter("facekeep_http_requests_total", "Complete requests", static_cast<double>(s.requests));
  page.counter("facekeep_http_bad_requests_total", "Requests refused for their framing, size or encoding",
               static_cast<double>(s.bad_requests));
  page.counter("facekeep_http_timeouts_total", "Requests or answers that took too long",
               static_cast<double>(s.timeouts));
  page.counter("facekeep_http_overloads_total", "Requests answered 503 for want of a worker",
               static_cast<double>(s.overloads));
  page.counter("facekeep_connections_revoked_total", "Connections that a revocation ended",
               static_cast<double>(s.revoked));
}

}  // namespace

Metrics::Metrics(const std::vector<std::string_view>& routes) {
  auto& family = prometheus::BuildCounter()
                     .Name("facekeep_requests_total")
                     .Help("Answered requests, by route and class of status")
                     .Register(registry_);
  auto names = routes;
  names.push_back("none");
  for (const std::string_view name : names) {
    ByClass row{};
    for (std::size_t c = 1; c < row.size(); ++c) {
      row[c] = &family.Add({{"route", std::string(name)}, {"status", std::to_string(c) + "xx"}});
    }
    requests_.emplace(std::string(name), row);
  }
}

void Metrics::count_request(std::string_view route, int status) {
  auto at = requests_.find(route);
  if (at == requests_.end()) at = requests_.find("none");
  const auto c = static_cast<std::size_t>(std::clamp(status / 100, 1, 5));
  at->second[c]->Increment();
}

void Metrics::set_front(std::function<http::Stats()> front) {
  const std::lock_guard lock(front_mutex_);
  front_ = std::move(front);
}

std::string Metrics::text(const Service::Metrics& vault, std::string_view state) const {
  Page page;
  add_vault(page, vault, state);
  {
    const std::lock_guard lock(front_mutex_);
    if (front_) add_front(page, front_());
  }
  auto families = page.take();
  auto counted = registry_.Collect();
  families.insert(families.end(), counted.begin(), counted.end());
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace facekeep::api
