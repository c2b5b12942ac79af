// Classifies an image with a network that was exported for OpenVINO.
//
//     classify NAME.xml IMAGE.ppm
//
// The file of the network says all that is needed: classes and normalization are in its rt_info, under model_info. The
// image is a binary PPM, so that no library is needed to read it: `convert photo.jpg -auto-orient image.ppm`.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <iostream>
#include <iterator>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include <openvino/openvino.hpp>

struct Image {
    std::size_t width, height;
    std::vector<std::uint8_t> pixels;  // red, green, blue; row by row
};

Image read_ppm(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::string kind;
    std::size_t width = 0, height = 0, largest = 0;
    file >> kind >> width >> height >> largest;
    file.get();
    if (!file || kind != "P6" || largest != 255)
        throw std::runtime_error(path + ": is not a binary PPM with 8 bits per value");
    Image image{width, height, std::vector<std::uint8_t>(3 * width * height)};
    file.read(reinterpret_cast<char*>(image.pixels.data()), static_cast<std::streamsize>(image.pixels.size()));
    if (!file)
        throw std::runtime_error(path + ": ends too early");
    return image;
}

Image center_square(const Image& image) {
    const std::size_t side = std::min(image.width, image.height);
    const std::size_t left = (image.width - side) / 2, top = (image.height - side) / 2;
    Image square{side, side, {}};
    for (std::size_t y = top; y < top + side; ++y) {
        const auto row = image.pixels.begin() + static_cast<std::ptrdiff_t>(3 * (y * image.width + left));
        std::copy_n(row, 3 * side, std::back_inserter(square.pixels));
    }
    return square;
}

template <typename T>
std::vector<T> values(const std::string& text) {
    std::istringstream stream(text);
    return {std::istream_iterator<T>(stream), std::istream_iterator<T>()};
}

int main(int argc, char** argv) try {
    if (argc != 3) {
        std::cerr << "usage: classify NAME.xml IMAGE.ppm\n";
        return 2;
    }
    ov::Core core;
    auto model = core.read_model(argv[1]);
    const auto labels = values<std::string>(model->get_rt_info<std::string>("model_info", "labels"));
    const auto mean = values<float>(model->get_rt_info<std::string>("model_info", "mean_values"));
    const auto scale = values<float>(model->get_rt_info<std::string>("model_info", "scale_values"));

    ov::PartialShape shape = model->input().get_partial_shape();
    shape[0] = 1;
    model->reshape(shape);

    Image image = center_square(read_ppm(argv[2]));
    ov::preprocess::PrePostProcessor steps(model);
    steps.input()
        .tensor()
        .set_element_type(ov::element::u8)
        .set_layout("NHWC")
        .set_spatial_static_shape(image.height, image.width);
    steps.input().model().set_layout("NCHW");
    steps.input()
        .preprocess()
        .convert_element_type(ov::element::f32)
        .resize(ov::preprocess::ResizeAlgorithm::RESIZE_LINEAR)
        .mean(mean)
        .scale(scale);
    model = steps.build();

    // The settings in deploy.json. Without the precision, a CPU with bf16 computes in bf16.
    auto compiled = core.compile_model(model,
                                       "CPU",
                                       ov::hint::performance_mode(ov::hint::PerformanceMode::LATENCY),
                                       ov::hint::inference_precision(ov::element::f32),
                                       ov::inference_num_threads(1),
                                       ov::num_streams(1));
    auto request = compiled.create_infer_request();
    request.set_input_tensor(ov::Tensor(ov::element::u8, {1, image.height, image.width, 3}, image.pixels.data()));
    request.infer();

    const ov::Tensor output = request.get_output_tensor();
    const float* logits = output.data<float>();
    std::cout << labels.at(std::max_element(logits, logits + output.get_size()) - logits) << '\n';
    return 0;
} catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
}
