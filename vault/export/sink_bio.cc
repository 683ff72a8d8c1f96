#include "vault/export/sink_bio.h"

namespace facekeep::exporter {
namespace {

int sink_write(BIO* bio, const char* data, int size) {
  if (size <= 0) return 0;
  auto& end = *static_cast<SinkEnd*>(BIO_get_data(bio));
  if (end.error) return -1;
  const auto n = static_cast<std::size_t>(size);
  if (auto ok = end.take({reinterpret_cast<const std::uint8_t*>(data), n}); !ok) {
    end.error = std::move(ok).error();
    return -1;
  }
  end.bytes += n;
  return size;
}

long sink_ctrl(BIO*, int command, long, void*) {
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

int sink_create(BIO* bio) {
  BIO_set_init(bio, 1);
  return 1;
}

BIO_METHOD* make_method() {
  BIO_METHOD* m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "sink");
  if (m == nullptr) return nullptr;
  BIO_meth_set_write(m, sink_write);
  BIO_meth_set_ctrl(m, sink_ctrl);
  BIO_meth_set_create(m, sink_create);
  return m;
}

}  // namespace

BioPtr make_sink_bio(SinkEnd& end) {
  static BIO_METHOD* const method = make_method();  // for the process' life
  BioPtr bio(method == nullptr ? nullptr : BIO_new(method));
  if (bio != nullptr) BIO_set_data(bio.get(), &end);
  return bio;
}

}  // namespace facekeep::exporter
