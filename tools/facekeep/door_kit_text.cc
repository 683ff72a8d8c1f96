#include "tools/facekeep/door_kit_text.h"

#include "vault/base/json.h"

namespace facekeep::tools {
namespace {

// @name@, @site@ and so on are replaced; everything else stands as it is in the file.
std::string fill(std::string text, const DoorKit& kit, const std::string& spki = {}) {
  const std::pair<std::string_view, const std::string*> fields[] = {
      {"@name@", &kit.name}, {"@site@", &kit.site}, {"@door@", &kit.door}, {"@model@", &kit.model}, {"@spki@", &spki}};
  for (const auto& [mark, value] : fields) {
    for (std::size_t at = text.find(mark); at != std::string::npos; at = text.find(mark, at + value->size())) {
      text.replace(at, mark.size(), *value);
    }
  }
  return text;
}

constexpr const char* kCall = R"kit(#!/bin/bash
# Asks the vault whether the face in probe.json is one of site "@site@".
# The server is known by its key (the pin), not by a certificate authority, so curl's -k is right here.
set -eu
cd "$(dirname "$0")"
field() { tr -d '\n' < notice.json | sed -n "s/.*\"$1\" *: *\"\([^\"]*\)\".*/\1/p"; }
api=$(field api)
key=$(field server_key)
pin=$(printf '%b' "$(printf %s "$key" | sed 's/../\\x&/g')" | base64)
exec curl -sS -k --pinnedpubkey "sha256//$pin" --cert @name@.crt --key @name@.key \
  -H 'Content-Type: application/json' --data-binary @probe.json "$api/v1/sites/@site@/identify"
)kit";

constexpr const char* kReadme = R"kit(facekeep: door kit "@name@"

  @name@.key      the controller's private key: keep it on the controller alone
  @name@.crt      its certificate, which carries the public key
  notice.json     the vault's public notice: address and server pin (if it is missing, copy it here)
  probe.json      an example question; the face in it is generated and belongs to nobody
  identify.sh     asks it: bash identify.sh
  principal.json  the line that the plan of the key ceremony needs

Key to register (SHA-256): @spki@
Scope: site @site@, door @door@, model @model@

1. Give principal.json and @name@.crt to whoever holds the key ceremony. Only registered keys get an answer.
2. Copy notice.json into this folder.
3. Run: bash identify.sh

Answers:
  {"decision":"no_match","entry":N}               not one of ours: what the example should give
  {"decision":"match","subject":"...","entry":N}  open the door
  {"decision":"refer","entry":N}                  use another way in
Errors are problem documents. Status 503 means try again after the seconds in Retry-After; type
urn:facekeep:problem:sealed means that the custodians must unseal the vault first. Always give people another
way in: no answer is no reason to keep anyone out.

----

facekeep：门禁接入包“@name@”

  @name@.key      控制器私钥：只放在控制器上
  @name@.crt      控制器证书，内含公钥
  notice.json     保管库公告：地址和服务器公钥指纹（如缺少，请复制到此处）
  probe.json      示例请求；其中的人脸由程序生成，不属于任何真实的人
  identify.sh     发送示例请求：bash identify.sh
  principal.json  密钥仪式计划中需要加入的一行

待登记公钥（SHA-256）：@spki@
范围：站点 @site@，门禁点 @door@，模型 @model@

1. 将 principal.json 和 @name@.crt 交给主持密钥仪式的人。只有已登记的密钥才会得到应答。
2. 将 notice.json 复制到本文件夹。
3. 运行：bash identify.sh

应答：
  {"decision":"no_match","entry":N}               不是本站点人员：示例请求应得到此结果
  {"decision":"match","subject":"...","entry":N}  开门
  {"decision":"refer","entry":N}                  请改用其他通行方式
错误以问题文档形式返回。状态码 503 表示请按 Retry-After 的秒数稍后重试；类型
urn:facekeep:problem:sealed 表示需先由保管人解封保管库。务必为人员保留其他通行方式：没有应答不是拒绝通行的理由。
)kit";

}  // namespace

std::string principal_line(const DoorKit& kit, const std::string& certificate) {
  const nlohmann::ordered_json line = {{"name", kit.name},
                                       {"role", "door"},
                                       {"certificate", certificate},
                                       {"sites", nlohmann::ordered_json::array({kit.site})},
                                       {"doors", nlohmann::ordered_json::array({kit.door})}};
  return line.dump();
}

std::string example_call(const DoorKit& kit) {
  return fill(kCall, kit);
}

std::string readme(const DoorKit& kit, const std::string& spki) {
  return fill(kReadme, kit, spki);
}

}  // namespace facekeep::tools
