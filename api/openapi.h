// api/openapi.yaml, built into the program.
#pragma once

#include <string_view>

namespace facekeep::api {

std::string_view openapi_yaml();

}  // namespace facekeep::api
