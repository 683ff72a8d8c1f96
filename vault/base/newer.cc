#include "vault/base/newer.h"

#include <algorithm>

#include "vault/base/problem.h"

namespace facekeep {
namespace {

constexpr const char* kProblem = "newer-format";
constexpr std::size_t kMaxName = 64;

Error newer(std::string message) {
  return make_problem(Errc::kFailedPrecondition, kProblem, std::move(message),
                      "run the version that wrote it, or a later one; this one changed nothing");
}

bool is_plain(std::string_view name) {
  return !name.empty() && name.size() <= kMaxName && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
}

}  // namespace

std::string_view program_version() noexcept {
  return FACEKEEP_VERSION;
}

Error newer_format(const std::string& what, std::uint64_t found, std::uint64_t known) {
  return newer(what + " has format " + std::to_string(found) + ", which a newer facekeep wrote; this one, " +
               FACEKEEP_VERSION ", reads format " + std::to_string(known));
}

Error newer_or_damaged(const std::string& what, std::uint64_t found, std::uint64_t known) {
  Error out = newer_format(what, found, known);
  out.code = Errc::kMalformed;
  out.problem = nullptr;
  out.hint += "; if none ever ran here, it is damaged";
  return out;
}

Error newer_name(const std::string& what, std::string_view name) {
  return newer("the kind of " + what + (is_plain(name) ? " \"" + std::string(name) + "\"" : "") +
               " is of a newer facekeep; this one, " FACEKEEP_VERSION ", does not know it");
}

bool is_newer(const Error& error) noexcept {
  return is_problem(error, kProblem);
}

}  // namespace facekeep
