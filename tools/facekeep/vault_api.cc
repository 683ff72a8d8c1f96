#include "tools/facekeep/vault_api.h"

#include <filesystem>

#include "tools/common/problems.h"
#include "tools/facekeep/key_files.h"

namespace facekeep::tools {
namespace {

http::ClientConfig config_for(const Notice& notice, const std::string& url) {
  http::ClientConfig c;
  c.url = url;
  c.pins = notice.server_pins;
  return c;
}

std::string cert_beside(const std::string& key_path) {
  return std::filesystem::path(key_path).replace_extension(".crt").string();
}

}  // namespace

Result<Identity> load_identity(Context& context) {
  if (context.key_path.empty()) {
    return say_error(Errc::kInvalidArgument, "no-key", Msg::kCliNoKey, Msg::kCliNoKeyHint);
  }
  const std::string cert_path = context.cert_path.empty() ? cert_beside(context.key_path) : context.cert_path;
  for (const std::string& path : {context.key_path, cert_path}) {
    std::error_code error;
    if (!std::filesystem::exists(path, error)) {
      return say_error(Errc::kNotFound, "no-file", Msg::kCliNoFile, Msg::kCliNoKeyHint, {path});
    }
  }
  Identity out;
  FK_TRY(out.cert, http::load_cert(cert_path));
  FK_TRY(out.key, load_key(context.key_path, context.passphrase_for(context.key_path)));
  return out;
}

std::string percent_encode(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto b = static_cast<unsigned char>(c);
    const bool letter = (b >= 'a' && b <= 'z') || (b >= 'A' && b <= 'Z') || (b >= '0' && b <= '9');
    if (letter || c == '-' || c == '.' || c == '_' || c == '~') {
      out += c;
    } else {
      out += '%';
      out += kDigits[b >> 4];
      out += kDigits[b & 15];
    }
  }
  return out;
}

Result<VaultApi> VaultApi::connect(const Notice& notice, const Identity& identity) {
  http::ClientConfig c = config_for(notice, notice.api);
  c.certificate = identity.cert.get();
  c.key = identity.key.get();
  FK_TRY(auto client, http::Client::create(c));
  return VaultApi(std::move(client));
}

Result<VaultApi> VaultApi::connect_public(const Notice& notice) {
  FK_TRY(auto client, http::Client::create(config_for(notice, notice.public_url)));
  return VaultApi(std::move(client));
}

Result<VaultApi> VaultApi::connect_any(Context& context, const Notice& notice) {
  if (context.key_path.empty()) return connect_public(notice);
  FK_TRY(const Identity identity, load_identity(context));
  return connect(notice, identity);
}

Result<Bytes> VaultApi::bytes(std::string_view method, const std::string& target, ByteView body,
                              std::string_view content_type) {
  std::vector<std::pair<std::string, std::string>> headers;
  if (!body.empty()) headers.emplace_back("Content-Type", content_type);
  FK_TRY(http::ClientResponse answer, client_.request(method, target, headers, body));
  if (answer.status >= 200 && answer.status < 300) return std::move(answer.body);
  return problem_error(answer.status, answer.body);
}

Result<Json> VaultApi::json(std::string_view method, const std::string& target, ByteView body) {
  FK_TRY(const Bytes answer, bytes(method, target, body));
  auto out = parse_json(as_chars(answer));
  if (!out || !out->is_object()) {
    return say_error(Errc::kInternal, "bad-answer", Msg::kCliBadAnswer, Msg::kCliBadAnswerHint, {target});
  }
  return out;
}

}  // namespace facekeep::tools
