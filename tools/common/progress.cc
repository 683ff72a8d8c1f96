#include "tools/common/progress.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>

namespace facekeep::tools {
namespace {

constexpr std::uint64_t kRedrawMs = 100;
constexpr std::uint64_t kBarWidth = 24;

std::uint64_t steady_ms() {
  const auto t = std::chrono::steady_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(t).count());
}

}  // namespace

std::string format_duration(std::uint64_t seconds) {
  char text[48];
  if (seconds < 60) {
    std::snprintf(text, sizeof(text), "%llus", static_cast<unsigned long long>(seconds));
  } else if (seconds < 3600) {
    std::snprintf(text, sizeof(text), "%llum%02llus", static_cast<unsigned long long>(seconds / 60),
                  static_cast<unsigned long long>(seconds % 60));
  } else {
    std::snprintf(text, sizeof(text), "%lluh%02llum", static_cast<unsigned long long>(seconds / 3600),
                  static_cast<unsigned long long>(seconds / 60 % 60));
  }
  return text;
}

Progress::Progress(std::ostream& err, bool tty, Lang lang, std::string label, std::uint64_t total, NowMillis now)
    : err_(err),
      tty_(tty),
      lang_(lang),
      label_(std::move(label)),
      total_(total),
      now_(now ? std::move(now) : steady_ms),
      start_ms_(now_()) {}

std::string Progress::figures(std::uint64_t elapsed_ms) const {
  const double seconds = std::max(1e-3, static_cast<double>(elapsed_ms) / 1000);
  const double rate = static_cast<double>(done_) / seconds;
  const std::string rate_text = std::to_string(static_cast<std::uint64_t>(rate));
  const std::string total_text = total_ == 0 ? "?" : std::to_string(total_);
  std::string left = "?";
  if (total_ != 0 && done_ != 0) {
    const std::uint64_t rest = total_ - std::min(total_, done_);
    left = format_duration(static_cast<std::uint64_t>(std::llround(static_cast<double>(rest) / rate)));
  }
  return format_message(lang_, Msg::kProgress, {std::to_string(done_), total_text, rate_text, left});
}

void Progress::draw() {
  const std::string text = figures(now_() - start_ms_);
  if (total_ == 0) {
    err_ << (tty_ ? "\r" : "") << label_ << ' ' << text << (tty_ ? "\x1b[K" : "\n") << std::flush;
    return;
  }
  const double part = static_cast<double>(std::min(done_, total_)) / static_cast<double>(total_);
  const auto percent = static_cast<unsigned>(part * 100);
  if (!tty_) {
    err_ << label_ << ' ' << percent << "% " << text << '\n' << std::flush;
    return;
  }
  const auto filled = static_cast<std::size_t>(part * kBarWidth);
  err_ << '\r' << label_ << " [" << std::string(filled, '#') << std::string(kBarWidth - filled, '.') << "] " << percent
       << "% " << text << "\x1b[K" << std::flush;
}

void Progress::update(std::uint64_t done) {
  done_ = done;
  if (tty_) {
    const std::uint64_t now = now_();
    if (drawn_ && now - drawn_ms_ < kRedrawMs) return;
    drawn_ = true;
    drawn_ms_ = now;
    draw();
    return;
  }
  if (total_ == 0) return;
  const auto tenth =
      static_cast<std::uint64_t>(static_cast<double>(std::min(done, total_)) * 10 / static_cast<double>(total_));
  if (tenth < next_tenth_) return;
  next_tenth_ = tenth + 1;
  draw();
}

void Progress::finish() {
  const std::uint64_t seconds = (now_() - start_ms_ + 500) / 1000;
  err_ << (tty_ ? "\r" : "") << label_ << ' '
       << format_message(lang_, Msg::kProgressDone, {std::to_string(done_), format_duration(seconds)})
       << (tty_ ? "\x1b[K\n" : "\n") << std::flush;
}

}  // namespace facekeep::tools
