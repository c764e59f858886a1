/* SPDX-License-Identifier: MIT
 * duet.h: everything. One diffusion model, trained once without labels, that both generates images
 * and recognises them. */
#ifndef DUET_H
#define DUET_H

#include <duet/auto.h>
#include <duet/base.h>
#include <duet/bench.h>
#include <duet/compare.h>
#include <duet/data.h>
#include <duet/edit.h>
#include <duet/feature.h>
#include <duet/guide.h>
#include <duet/head.h>
#include <duet/likelihood.h>
#include <duet/look.h>
#include <duet/metric.h>
#include <duet/model.h>
#include <duet/picture.h>
#include <duet/preprocess.h>
#include <duet/registry.h>
#include <duet/report.h>
#include <duet/run.h>
#include <duet/sample.h>
#include <duet/setting.h>
#include <duet/store.h>
#include <duet/study.h>
#include <duet/tensor.h>
#include <duet/train.h>
#include <duet/transfer.h>
#include <duet/tune.h>

#endif
