// Imports a part of another vault's export (vault/export/FORMAT.md): opened with the recipient's key, in memory that is
// overwritten, and sent row by row with the consents that it has.
#pragma once

#include <string>
#include <vector>

#include "api/http/buffer.h"
#include "tools/common/say.h"
#include "tools/facekeep/context.h"
#include "vault/export/manifest.h"

namespace facekeep::tools {

struct SealedImport {
  std::string path;           // a part
  std::string recipient_key;  // private key file
  std::string site;
  std::string manifest;         // file; empty: manifest.json beside the part
  std::string manifest_digest;  // hexadecimal; empty: the person at the terminal is asked
};

// True for the name of a part of an export.
bool is_sealed_part(const std::string& path);

// The line of an export as a row of POST /v1/sites/{site}/enrolments: subject, consent, and each template with its
// model alone. kMalformed for what is no such line. Pure.
Result<http::CleansedBytes> enrolment_row(std::string_view line);

// That these bytes are a part of the export that the manifest (its text) describes, whose digest is `expected`.
// Anybody who has a recipient's certificate can make a part that opens: what makes it the other vault's is this digest,
// which is in that vault's log. kIntegrity ("other-manifest", "no-part"), kMalformed. Pure.
Result<exporter::Manifest> check_part(std::string_view manifest, const Digest& expected, ByteView part,
                                      const SealedImport& options);

// Sends every row. Sending a part twice does no harm: who is there already stays as it is. Refused rows are reported
// by their numbers; kFailedPrecondition if all were. Nothing is opened before check_part(), with a digest that the
// options name or a person confirmed.
Status import_sealed(Context& context, const SealedImport& options, Reporter& report);

}  // namespace facekeep::tools
