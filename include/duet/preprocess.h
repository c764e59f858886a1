/* SPDX-License-Identifier: MIT
 * duet/preprocess.h: how images become what a model takes; part of a model's card. */
#ifndef DUET_PREPROCESS_H
#define DUET_PREPROCESS_H

#include <duet/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How images become model input: size x size, `channels` (1 or 3), x = v/127.5 - 1 in f32 HWC. fit
 * "center_crop": guided-diffusion's centre crop; "pad": smaller images are centred on their border
 * colour (28 -> 32 keeps pixels as they are: edge replication), larger ones are centre cropped;
 * "imagenet": as torchvision evaluates ImageNet, without a border of an eighth (images that would
 * have to be enlarged: center_crop); "imagenet_cubic": the same by a bicubic filter; "auto" (also
 * ""): pad when neither side is larger than size and both are smaller by less than 20 %, else
 * centre crop. */
typedef struct duet_preprocess {
    int64_t size;
    int channels;
    char fit[16]; /* "auto", "center_crop", "pad", "imagenet", "imagenet_cubic" */
    double mean[3],
        std[3]; /* where std is not 0: of colours in 0..1, x = (v/255 - mean) / std instead */
    /* Instead of fit: images of any shape are squeezed to size x size by a filter whose values are
     * not rounded, as networks that judge generated images are fed. "" = by fit;
     *   "torch": bilinear between two pixels each way, pixel centres on each other (PyTorch's
     *     interpolate; pytorch-fid), x = v/127.5 - 1
     *   "tensorflow": bilinear, first pixels on each other (TensorFlow 1's resize_bilinear;
     *     guided-diffusion's evaluator, torch-fidelity), x = (v - 128) / 128
     *   "clean": bicubic over the area of a pixel (Pillow in f32, cut to 0..255; clean-fid),
     *     x = (v - 128) / 128
     * The mean and std above precede these colours. Bytes of another size, where only bytes can be
     * given, are rounded. */
    char resize[16];
} duet_preprocess;

#ifdef __cplusplus
}
#endif
#endif
