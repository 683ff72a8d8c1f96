// The end of a chain of OpenSSL's filters: hands every write on to a function, and remembers its first Error.
#pragma once

#include <functional>
#include <optional>

#include "vault/base/bytes.h"
#include "vault/base/result.h"
#include "vault/export/openssl_types.h"

namespace facekeep::exporter {

struct SinkEnd {
  std::function<Status(ByteView)> take;
  std::uint64_t bytes = 0;     // taken without an Error
  std::optional<Error> error;  // set: nothing more is taken
};

// A BIO that can only be written to and flushed. `end` must outlive it and stay where it is. nullptr: out of memory.
BioPtr make_sink_bio(SinkEnd& end);

}  // namespace facekeep::exporter
