#include "api/vector_codec.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <limits>

#include "api/http/buffer.h"
#include "vault/base/floats.h"
#include "vault/base/secret_bytes.h"
#include "vault/match/vector.h"
#include "vault/probe/jws.h"
#include "vault/vector_problem.h"

namespace facekeep::api {
namespace {

static_assert(std::numeric_limits<float>::is_iec559 && sizeof(float) == 4);

constexpr std::size_t kMaxValues = match::kMaxDimension;
constexpr std::size_t kMaxNumberText = 64;
constexpr std::size_t kMaxBase64 = (kMaxValues * sizeof(float) + 2) / 3 * 4;

Error wrong_dimension(const std::string& why) {
  return make_problem(Errc::kInvalidArgument, "wrong-dimension", why,
                      "send an embedding of the model that is named in the request");
}

Error not_a_number() {
  return make_problem(Errc::kInvalidArgument, "not-a-number", "the vector holds a value that is not a number",
                      "check what the camera or the face model put out");
}

Error bad_base64() {
  return make_problem(Errc::kMalformed, "bad-base64", "the vector is not base64 (RFC 4648 section 4, with padding)",
                      "send base64 of little-endian float32 values, or an array of numbers");
}

Error bad_jws() {
  return make_problem(Errc::kMalformed, "bad-jws", "a signed probe is not in the compact serialisation of RFC 7515",
                      "send the JWS as one text of three parts, as the camera made it");
}

// The float32 nearest to a JSON number's text; what is too small is zero, what is too large infinite.
Result<float> to_float(std::string_view text) {
  if (text.size() > kMaxNumberText) return not_a_number();
  float value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc() && end == text.data() + text.size()) return value;
  if (error != std::errc::result_out_of_range) return not_a_number();
  // from_chars does not say on which side the value is out of range; strtof does.
  std::array<char, kMaxNumberText + 1> copy{};
  std::copy(text.begin(), text.end(), copy.begin());
  value = std::strtof(copy.data(), nullptr);
  OPENSSL_cleanse(copy.data(), copy.size());
  return value;
}

Status read_array(const JsonView& array, std::vector<float>& out) {
  for (const JsonView& element : elements(array)) {
    if (element.kind() != JsonView::Kind::kNumber) return not_a_number();
    if (out.size() == kMaxValues) return wrong_dimension("the vector has more than 1,024 values");
    FK_TRY(const float value, to_float(element.text()));
    out.push_back(value);
  }
  return {};
}

// Resolves the escapes that encoders put into base64 ("\/", and "\u002B" for '+'); any other is not base64.
Result<http::CleansedBytes> unescape(std::string_view raw) {
  http::CleansedBytes out;
  out.reserve(raw.size());
  for (std::size_t i = 0; i < raw.size(); ++i) {
    if (raw[i] != '\\') {
      out.push_back(static_cast<std::uint8_t>(raw[i]));
      continue;
    }
    ++i;
    if (raw[i] == '/') {
      out.push_back('/');
      continue;
    }
    std::uint8_t code = 0;
    const std::string_view hex = raw.substr(std::min(i, raw.size()));
    if (!hex.starts_with("u00") || hex.size() < 5) return bad_base64();
    const auto [end, error] = std::from_chars(hex.data() + 3, hex.data() + 5, code, 16);
    if (error != std::errc() || end != hex.data() + 5) return bad_base64();
    out.push_back(code);
    i += 4;
  }
  return out;
}

Status read_base64(const JsonView& value, std::vector<float>& out) {
  std::string_view text = value.raw_string();
  if (text.size() > 6 * kMaxBase64) return wrong_dimension("the vector has more than 1,024 values");
  http::CleansedBytes plain;
  if (text.find('\\') != std::string_view::npos) {
    FK_TRY(plain, unescape(text));
    text = as_chars({plain.data(), plain.size()});
  }
  if (text.size() > kMaxBase64) return wrong_dimension("the vector has more than 1,024 values");
  auto bytes = secret_from_base64(text);
  if (!bytes) return bad_base64();
  if (bytes->size() % sizeof(float) != 0) {
    return wrong_dimension("the vector's bytes are not a whole number of float32 values");
  }
  if (bytes->size() > kMaxValues * sizeof(float)) return wrong_dimension("the vector has more than 1,024 values");
  append_floats(bytes->view(), out);
  return {};
}

}  // namespace

Result<ScopedVector> decode_vector(const JsonView& value) {
  ScopedVector out;
  out.values.reserve(kMaxValues);  // once: a vector that grows leaves its old storage behind
  switch (value.kind()) {
    case JsonView::Kind::kArray: FK_CHECK(read_array(value, out.values)); break;
    case JsonView::Kind::kString: FK_CHECK(read_base64(value, out.values)); break;
    default:
      return make_problem(Errc::kMalformed, "wrong-type", "the vector is neither an array of numbers nor a text",
                          "send an array of numbers, or base64 of little-endian float32");
  }
  if (out.values.empty()) return wrong_dimension("the vector has no values");
  FK_CHECK(check_vector(out.values, out.values.size()));
  return out;
}

Result<ProbeInput> decode_probe(const JsonView& value) {
  if (value.kind() == JsonView::Kind::kObject) return bad_jws();
  if (value.kind() == JsonView::Kind::kString && probe::looks_like_jws(value.raw_string())) {
    const std::string_view jws = value.raw_string();
    if (jws.find('\\') != std::string_view::npos) return bad_jws();
    return ProbeInput{{}, jws};
  }
  FK_TRY(ScopedVector vector, decode_vector(value));
  return ProbeInput{std::move(vector), {}};
}

}  // namespace facekeep::api
