#include "tools/facekeep-audit/polite_client.h"

#include <algorithm>
#include <charconv>
#include <thread>

#include "tools/common/problems.h"

namespace facekeep::tools {

std::chrono::milliseconds wait_before_retry(int tries, std::string_view retry_after) {
  unsigned seconds = 0;
  const auto [end, ec] = std::from_chars(retry_after.data(), retry_after.data() + retry_after.size(), seconds);
  if (retry_after.empty() || ec != std::errc() || end != retry_after.data() + retry_after.size()) {
    seconds = 1U << std::clamp(tries - 1, 0, 5);
  }
  return std::min<std::chrono::milliseconds>(std::chrono::seconds(seconds), kLongestWait);
}

PoliteClient::PoliteClient(http::Client client, unsigned rate, int tries, Sleep sleep)
    : client_(std::move(client)),
      interval_(1'000'000 / std::max(1U, rate)),
      tries_(std::max(1, tries)),
      sleep_(std::move(sleep)) {
  if (!sleep_) sleep_ = [](std::chrono::milliseconds t) { std::this_thread::sleep_for(t); };
}

void PoliteClient::pace() {
  const auto now = std::chrono::steady_clock::now();
  if (next_ > now) sleep_(std::chrono::ceil<std::chrono::milliseconds>(next_ - now));
  next_ = std::max(next_, now) + interval_;
}

Result<Bytes> PoliteClient::get(const std::string& target) {
  for (int tries = 1;; ++tries) {
    pace();
    auto answer = client_.request("GET", target);
    if (!answer) {
      if (answer.error().code != Errc::kUnavailable || tries >= tries_) return std::move(answer).error();
      sleep_(wait_before_retry(tries, {}));
      continue;
    }
    if (answer->status >= 200 && answer->status < 300) return std::move(answer->body);
    Error problem = problem_error(answer->status, answer->body);
    const bool busy = answer->status == 429 || (answer->status == 503 && problem.code == Errc::kUnavailable);
    if (!busy || tries >= tries_) return problem;
    sleep_(wait_before_retry(tries, answer->headers.find("retry-after").value_or("")));
  }
}

}  // namespace facekeep::tools
