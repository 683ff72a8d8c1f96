// An https URL in the two parts that a client needs.
#pragma once

#include <string>

namespace facekeep::http {

struct UrlParts {
  std::string origin;  // "https://host:port", with 443 where the URL has no port
  std::string prefix;  // what stands in front of a call's path: "" or "/w1"
};
// Precondition: begins with "https://" or "http://" (a webhook on the same machine, which names its port).
UrlParts split_url(const std::string& url);

}  // namespace facekeep::http
