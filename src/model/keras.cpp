// SPDX-License-Identifier: Apache-2.0
#include "model/keras.h"

namespace weir::model {

Result<KerasModel> read_keras(const std::filesystem::path& file) {
    return fail(Errc::Unsupported, file.string() + ": Keras files are not read yet");
}

}  // namespace weir::model
