#include "vault/export/cms_open.h"

#include <openssl/objects.h>

#include <algorithm>

#include "vault/export/parts.h"
#include "vault/export/sink_bio.h"

namespace facekeep::exporter {

Result<SecretBytes> open_cms(ByteView message, EVP_PKEY* key) {
  if (message.size() > kMaxPartSize) return make_error(Errc::kTooLarge, "a part of an export has at most 256 MiB");
  const std::uint8_t* end_of_cms = message.data();  // a BIO may have read ahead, and would not say where it ends
  const CmsPtr cms(d2i_CMS_ContentInfo(nullptr, &end_of_cms, static_cast<long>(message.size())));
  if (cms == nullptr || end_of_cms != message.data() + message.size() ||
      OBJ_obj2nid(CMS_get0_type(cms.get())) != NID_id_smime_ct_authEnvelopedData) {
    ERR_clear_error();
    return make_error(Errc::kMalformed, "this is not a part of an export (CMS AuthEnvelopedData in DER)",
                      "compare the file's SHA-256 with the manifest");
  }
  SecretBytes content(message.size());  // never longer than what it is sealed in
  std::size_t used = 0;
  SinkEnd end{[&](ByteView plain) -> Status {
                if (plain.size() > content.size() - used)
                  return make_error(Errc::kMalformed, "the content is too long");
                std::copy(plain.begin(), plain.end(), content.data() + used);
                used += plain.size();
                return {};
              },
              0, std::nullopt};
  const BioPtr out = make_sink_bio(end);
  const bool ok = out != nullptr && CMS_decrypt(cms.get(), key, nullptr, nullptr, out.get(), CMS_BINARY) == 1;
  ERR_clear_error();
  if (!ok) {
    return make_error(Errc::kCrypto, "the part does not open: it is not for this key, or it was altered",
                      "compare the file's SHA-256 with the manifest");
  }
  content.shrink(used);
  return content;
}

}  // namespace facekeep::exporter
