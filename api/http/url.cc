#include "api/http/url.h"

#include <algorithm>

namespace facekeep::http {

UrlParts split_url(const std::string& url) {
  const std::size_t host = std::min(url.find("//"), url.size() - 2) + 2;
  const std::size_t slash = std::min(url.find('/', host), url.size());
  UrlParts out{url.substr(0, slash), url.substr(slash)};
  const std::size_t bracket = out.origin.rfind(']');
  if (out.origin.find(':', bracket == std::string::npos ? host : bracket) == std::string::npos) out.origin += ":443";
  return out;
}

}  // namespace facekeep::http
